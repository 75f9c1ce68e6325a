"""`tasuki demo`: a stream of leads living plausible lives between two sandboxes, shown live and judged at the end."""
