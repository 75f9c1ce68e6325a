"""The services and the plumbing they share."""
