"""Python's cyclic garbage collector, set for a server that folds batches."""

import gc

from services.runtime.lifecycle import Component

YOUNG_OBJECTS = 20_000
"""
How many new objects are gathered before the young ones are searched for cycles; Python's own 700 is for scripts.

A batch of 500 changes keeps tens of thousands of objects for some milliseconds, and hardly any cycle. Searched
every 700 objects, that took between a quarter and four tenths of all the time. What isn't in a cycle is freed
at once, as ever, so the memory held longer is that of cycles alone.
"""

_GENERATIONS = 20


def calm_collector() -> Component:
    """
    Return the part that searches seldom, and never again through what is there when it starts.

    To be started last, when all is loaded; it holds for the whole process.
    Source: https://docs.python.org/3/library/gc.html#gc.freeze
    """

    async def start() -> None:
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_OBJECTS, _GENERATIONS, _GENERATIONS)

    return Component(name="collector", start=start)
