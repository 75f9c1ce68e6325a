"""How the sync service touches the world: vendors, HTTP, the store."""
