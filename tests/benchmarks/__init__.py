"""Measured, never asserted: `python -m tests.benchmarks NAME`."""
