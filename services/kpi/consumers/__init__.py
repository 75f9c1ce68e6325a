"""From the log to the use cases: the processors of the service's topics."""
