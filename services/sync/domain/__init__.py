"""What the sync service knows about leads: pure functions, no clock, no input or output."""
