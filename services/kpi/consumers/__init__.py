"""From the lifecycle topic to the counters."""
