"""The stage for demo and rehearsals: two sandboxes, an embedded store, and the service as a process of its own."""
