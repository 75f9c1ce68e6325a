"""The log: partitioned, ordered, durable. One port (`port`), two adapters (`kafka`, `embedded`)."""
