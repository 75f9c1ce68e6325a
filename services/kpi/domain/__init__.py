"""Rules that know nothing but themselves: what is counted, when a promise is due."""
