"""The rules of the clock and the score, pure: no I/O, no wall clock, no framework."""
