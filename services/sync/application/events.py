"""What the log's events of leads say, in the words of the domain."""

from schemas.lead import Observed, Ref, WriteStarted
from services.sync.domain.echoes import Aim
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef


def observation_of(data: Observed) -> Observation:
    """Return the canonical observation that the event carries."""
    return Observation(
        ref=record_of(data.ref),
        kind=Kind(data.kind),
        observed_at=data.observed_at,
        created_at=data.created_at,
        fields=tuple(
            FieldChange(
                each.name, each.value, each.changed_at, each.own, each.exact, each.via or "", each.by or ""
            )
            for each in data.fields
        ),
        external_id=data.external_id,
        moved_to=None if data.moved_to is None else record_of(data.moved_to),
        deleted=data.deleted,
        erased=data.erased,
        employers=None if data.employer is None else (record_of(data.employer),),
        company=data.company,
    )


def record_of(ref: Ref) -> RecordRef:
    """Return the record that the event names."""
    return RecordRef(ref.system, ref.object, ref.id)


def aim_of(data: WriteStarted) -> Aim | None:
    """Return what was known of a person's record when the write was planned."""
    ref = None if data.ref is None else record_of(data.ref)
    return Aim(ref, data.over, data.asked) if data.over else None
