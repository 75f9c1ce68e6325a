"""From the log to the use cases and back: one processor for each topic that sync reads."""
