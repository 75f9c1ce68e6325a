"""The tasks that alerts asked for, in the stored form of a lead; see services.sync.adapters.lead_codec."""

from services.sync.adapters.lead_tables import Tabled, Tables, records
from services.sync.domain.tasks import AskedTask, Promise, Tasks


def packed_tasks(w: Tables, tasks: Tasks) -> list[list[int]]:
    """Return *tasks*, then which promises are over; nothing for the many leads that nobody asked a task for."""
    if not tasks.asked and not tasks.ended:
        return []
    asked = [part for name, each in sorted(tasks.asked.items()) for part in (w.value(name), *_task(w, each))]
    ended = [
        part for each, at in sorted(tasks.ended.items()) for part in (*_promise(w, each), w.instants[at])
    ]
    return [asked, ended]


def read_tasks(t: Tabled, packed: list[list[int]]) -> Tasks:
    """Return what `packed_tasks` made *packed* of."""
    if not packed:
        return Tasks()
    asked, ended = packed
    return Tasks(
        {t[1][name]: _read_task(t, rest) for name, *rest in records(11, asked)},
        {_read_promise(t, promise): t[0][at] for *promise, at in records(5, ended)},
    )


def _promise(w: Tables, promise: Promise) -> tuple[int, int, int, int]:
    return w.value(promise.lead_id), w.value(promise.policy), promise.cycle, promise.round


def _read_promise(t: Tabled, packed: list[int]) -> Promise:
    lead_id, policy, cycle, number = packed
    return Promise(t[1][lead_id], t[1][policy], cycle, number)


def _task(w: Tables, each: AskedTask) -> tuple[int, ...]:
    texts = (w.value(each.subject), w.value(each.body), w.value(each.owner))
    code = each.sent + each.stands * 2 + each.closed * 4
    return (*_promise(w, each.promise), w.instants[each.told_at], *texts, w.instants[each.due_at], code)


def _read_task(t: Tabled, packed: list[int]) -> AskedTask:
    subject, body, owner = (t[1][place] for place in packed[5:8])
    told_at, due_at, code = t[0][packed[4]], t[0][packed[8]], packed[9]
    return AskedTask(
        _read_promise(t, packed[:4]),
        told_at,
        subject,
        body,
        owner,
        due_at,
        sent=bool(code & 1),
        stands=bool(code & 2),
        closed=bool(code & 4),
    )
