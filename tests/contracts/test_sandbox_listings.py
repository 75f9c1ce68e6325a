"""A sandbox's listing by time, which ends early, tells the same as the one that looks at every record."""

from random import Random

from services.runtime.clock import now_ms
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox
from services.sync.adapters.hubspot.sandbox import SandboxSettings as HubSpotSettings
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox, SandboxSettings, querying
from services.sync.adapters.salesforce.soql import instant
from services.sync.adapters.sandbox.admin import Act, Parent

DEEDS = 300
LOOKS = 60
SPAN_MS = 40


async def test_a_search_by_time_finds_what_a_sorted_search_finds() -> None:
    """Whatever users did, the page, the total and where it goes on are the same."""
    random = Random(5)
    async with HubSpotSandbox(HubSpotSettings()) as sandbox:
        desk, found = sandbox.desk, list[str]()
        began = now_ms()
        for number in range(DEEDS):
            kind = random.choice(["create", "update", "update", "delete", "restore", "merge", "erase"])
            if kind == "create" or len(found) < 2:
                fields = {"email": f"p{number}@firm.example"}
                found.append(desk.act(Act(act="create", object="contact", fields={**fields})).id or "")
                continue
            which, other = random.sample(found, 2)
            fields = {"lastname": str(number)}
            done = desk.act(
                Act(
                    act=kind,
                    object="contact",
                    id=which,
                    fields={**fields},
                    other=Parent(object="contact", id=other),
                )
            )
            if kind == "merge" and done.created:
                found.append(done.id or "")
        portal = sandbox.state
        for _ in range(LOOKS):
            low = began + random.randint(-5, SPAN_MS)
            span = [("GTE", low), ("LTE", low + random.randint(0, SPAN_MS))][: random.randint(1, 2)]
            filters = [
                {"propertyName": "lastmodifieddate", "operator": each, "value": str(at)} for each, at in span
            ]
            asked = {"filterGroups": [{"filters": filters}], "limit": 7, "after": random.choice(["0", "3"])}
            quick = portal.search.search("contact", {**asked, "sorts": ["lastmodifieddate"]})
            slow = portal.search.search("contact", {**asked, "sorts": [{"propertyName": "lastmodifieddate"}]})
            assert [each.id for each in quick[0]] == [each.id for each in slow[0]]
            assert quick[1:] == slow[1:]


async def test_a_query_by_time_finds_what_a_sorted_query_finds() -> None:
    """Whatever users did, the same records come in the same order, deleted ones too where asked for."""
    random = Random(6)
    async with SalesforceSandbox(SandboxSettings()) as sandbox:
        desk, found = sandbox.desk, list[str]()
        began = now_ms()
        for number in range(DEEDS):
            kind = random.choice(["create", "update", "update", "delete", "restore"])
            if kind == "create" or not found:
                fields = {"LastName": f"山田{number}", "Company": "例"}
                found.append(desk.act(Act(act="create", object="Lead", fields={**fields})).id or "")
            else:
                which = random.choice(found)
                desk.act(Act(act=kind, object="Lead", id=which, fields={"LastName": str(number)}))
        table = sandbox.state.tables["Lead"]
        for _ in range(LOOKS):
            at, after = began + random.randint(-5, SPAN_MS), random.choice(found)
            low, high = instant(at), instant(at + random.randint(0, SPAN_MS))
            same = f"(SystemModstamp = {low} AND Id > '{after}')"
            where = random.choice(
                [
                    f"WHERE SystemModstamp >= {low} AND SystemModstamp <= {high}",
                    f"WHERE (SystemModstamp > {low} OR {same}) AND SystemModstamp < {high}",
                    f"WHERE SystemModstamp > {low} OR LastName = '3'",
                    f"WHERE NOT SystemModstamp < {low}",
                    "",
                ]
            )
            deleted = random.random() < 0.5
            quick, slow = (
                querying.run(
                    sandbox.state.schema,
                    {"Lead": table},
                    f"SELECT Id FROM Lead {where} ORDER BY SystemModstamp{nulls}, Id LIMIT 9",  # noqa: S608 (SOQL, of the test's own)
                    deleted=deleted,
                )
                for nulls in ("", " NULLS LAST")
            )
            assert quick == slow
