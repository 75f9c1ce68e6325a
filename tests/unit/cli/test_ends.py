"""Two exports have the same end if the same stands in them, however it was learnt."""

from typing import Any

import orjson

from services.cli.stage.export import end_of, other_ends

LEAD: dict[str, Any] = {
    "lead": "a@x.jp",
    "score": 40,
    "milestones": {"1:mql": 5_000},
    "told": {"1:mql": 5_000},
    "fields": {"source": {"ma": {"there": "web", "said": "web", "said_at": 5}, "sfa": {"there": "web"}}},
    "history": {"forms": {"5": 2}},
}


def exported(*leads: dict[str, Any]) -> bytes:
    """Return an export of *leads*."""
    return b"".join(orjson.dumps(each) + b"\n" for each in leads)


def test_how_a_value_was_learnt_makes_no_difference() -> None:
    """By a reading later on, which showed a blank field and a box that isn't ticked."""
    fields = {
        "source": {"ma": {"there": "web"}, "sfa": {"there": "web"}},
        "phone": {"ma": {"there": ""}},
        "opted_out": {"sfa": {"there": False, "said": False, "said_at": 7}},
    }
    other = LEAD | {"fields": fields, "history": {"forms": {"9": 2}}, "told": {"1:mql": 5_001}}
    assert exported(LEAD) != exported(other)
    assert other_ends(exported(LEAD), exported(other)) == []
    assert [each["lead"] for each in end_of(exported(other))] == ["a@x.jp"]


def test_what_stands_what_was_reached_and_who_is_there_do() -> None:
    """Each is named with both of its ends."""
    assert other_ends(exported(LEAD), exported(LEAD | {"milestones": {"1:mql": 6_000}})) == [
        "a@x.jp: milestones is {'1:mql': 5}, was {'1:mql': 6}"
    ]
    shop = {"source": {"ma": {"there": "shop"}, "sfa": {"there": "web"}}}
    assert other_ends(exported(LEAD), exported(LEAD | {"fields": shop})) == [
        "a@x.jp: fields.source is {'ma': 'web', 'sfa': 'web'}, was {'ma': 'shop', 'sfa': 'web'}"
    ]
    ticked = LEAD["fields"] | {"opted_out": {"sfa": {"there": True}}}
    assert len(other_ends(exported(LEAD), exported(LEAD | {"fields": ticked}))) == 1
    assert other_ends(exported(LEAD, LEAD), exported(LEAD)) != []
    assert other_ends(exported(LEAD), b"") != []
