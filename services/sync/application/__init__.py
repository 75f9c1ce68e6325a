"""The use cases of the sync service: observe, decide, dispatch; and the ports they need."""
