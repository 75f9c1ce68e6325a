"""Python's cyclic garbage collector, set for a server that folds batches."""

import gc

YOUNG_OBJECTS = 20_000
"""
How many new objects are gathered before the young ones are searched for cycles; Python's own 700 is for scripts.

A batch of 500 changes keeps tens of thousands of objects for some milliseconds, and hardly any cycle. Searched
every 700 objects, that took between a quarter and four tenths of all the time. What isn't in a cycle is freed
at once, as ever, so the memory held longer is that of cycles alone.
"""

_GENERATIONS = 20


def calm_collector() -> None:
    """
    Search seldom, and never again through what is there now: modules and what the composition made.

    To be called once, before the work begins; it holds for the whole process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, _GENERATIONS, _GENERATIONS)
