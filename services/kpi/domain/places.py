"""
Where counters stand in a shard: names of keys and of the fields in them.

`<g>` is the rules' generation, `<bucket>` d, h or m with its number, see `Bucket`, or `a` for all time.

| name                  | type | field → value                                                                         |
|-----------------------|------|---------------------------------------------------------------------------------------|
| n:<g>:<bucket>        | hash | counter, with ``:dimension=value`` for a segment → count or money                     |
| s:<g>:<bucket><segment> | hash | ``<duration>/<bin>`` or ``<people>~<gap>`` → count; by days only                        |

Buckets of minutes and hours vanish by themselves; days are kept for ever. A field that comes to 0 is removed.
"""

from services.kpi.domain.calendar import Bucket

ALL_TIME = "a"


def counts_name(generation: str, bucket: Bucket | str) -> str:
    """Return the name of the key with the counts of *bucket*."""
    return f"n:{generation}:{bucket}"


def spreads_name(generation: str, bucket: Bucket, segment: str) -> str:
    """Return the name of the key with durations and people of *bucket* and *segment* ("" or ``:name=value``)."""
    return f"s:{generation}:{bucket}{segment}"


def duration_field(code: str, number: int) -> str:
    """Return the field that counts durations of *code* in bin *number*."""
    return f"{code}/{number}"


def people_field(code: str, gap: int) -> str:
    """Return the field that counts those active under *code* who last were *gap* days before."""
    return f"{code}~{gap}"
