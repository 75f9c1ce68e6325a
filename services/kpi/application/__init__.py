"""What the service does, over ports: no technology is named here."""
