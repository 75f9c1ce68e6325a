"""What the service reads from elsewhere, one technology each."""
