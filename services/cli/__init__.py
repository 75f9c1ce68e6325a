"""The command line: `tasuki …`."""
