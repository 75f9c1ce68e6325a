"""Generated gRPC code for the Pub/Sub API; `README` says how to make it again."""
