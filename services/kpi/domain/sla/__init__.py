"""Promises about handoffs: business time, policies, clocks, and what they have to tell."""
