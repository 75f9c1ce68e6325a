"""What a field of the sandbox is, and the short words in which objects are described."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """
    One field of an object, in the words of the vendor's describe call.

    `type` is the describe type: id, string, textarea, email, phone, url, picklist, boolean, int, double,
    currency, percent, date, datetime, reference. `compound` names the record in which a change event nests
    the field, `part` its name there. `external_id` fields can be upserted on, `unique` ones hold no value
    twice.
    """

    name: str
    type: str = "string"
    label: str = ""
    label_ja: str = ""
    length: int = 255
    required: bool = False
    createable: bool = True
    updateable: bool = True
    values: tuple[str, ...] = ()
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    default: str | float | bool | None = None
    compound: str | None = None
    part: str | None = None
    evented: bool = True

    @property
    def indexed(self) -> bool:
        """Whether records are found by it without looking at all of them."""
        return self.external_id or self.unique or self.type in {"id", "email", "reference"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One object: its fields by name, in the order of its change event's schema."""

    name: str
    prefix: str
    label: str
    label_ja: str
    fields: Mapping[str, Field]
    merges: bool = False
    shown: tuple[str, ...] = ()

    def with_fields(self, more: tuple[Field, ...]) -> "ObjectType":
        """Return the object with *more* fields, or other ones in place of those of the same name."""
        return replace(self, fields={**self.fields, **{each.name: each for each in more}})


def text(name: str, label: str, label_ja: str, length: int = 255, **more: Any) -> Field:
    """Return a text field."""
    return Field(name=name, label=label, label_ja=label_ja, length=length, **more)


def pick(name: str, label: str, label_ja: str, values: str, **more: Any) -> Field:
    """Return a picklist with *values*, separated by bars."""
    options = tuple(each.strip() for each in values.split("|"))
    return Field(name=name, type="picklist", label=label, label_ja=label_ja, values=options, **more)


def of(kind: str, name: str, label: str, label_ja: str, **more: Any) -> Field:
    """Return a field of the describe type *kind*."""
    return Field(name=name, type=kind, label=label, label_ja=label_ja, **more)


def computed(field_: Field) -> Field:
    """Return the field as one that no caller of the API may write."""
    return replace(field_, createable=False, updateable=False)


def address(prefix: str = "") -> tuple[Field, ...]:
    """Return the parts of an address whose API names begin with *prefix*."""
    parts = {
        "Street": "町名・番地",
        "City": "市区郡",
        "State": "都道府県",
        "PostalCode": "郵便番号",
        "Country": "国",
    }
    return tuple(
        Field(
            name=prefix + part,
            label=f"{prefix} {part}".strip(),
            label_ja=words,
            compound=f"{prefix}Address",
            part=part,
        )
        for part, words in parts.items()
    )


def person_name() -> tuple[Field, ...]:
    """Return the parts of a person's name, and the name that follows from them."""
    return (
        text("Salutation", "Salutation", "敬称", 40, compound="Name", part="Salutation"),
        text("FirstName", "First Name", "名", 40, compound="Name", part="FirstName"),
        text("LastName", "Last Name", "姓", 80, compound="Name", part="LastName", required=True),
        computed(text("Name", "Full Name", "氏名", 121, evented=False)),
    )


_ID = Field(
    name="Id", type="id", label="ID", label_ja="ID", createable=False, updateable=False, evented=False
)
_STAMPS = (
    of("datetime", "CreatedDate", "Created Date", "作成日"),
    of("reference", "CreatedById", "Created By", "作成者"),
    of("datetime", "LastModifiedDate", "Last Modified Date", "最終更新日"),
    of("reference", "LastModifiedById", "Last Modified By", "最終更新者"),
)
_HIDDEN = (
    of("datetime", "SystemModstamp", "System Modstamp", "システムタイムスタンプ", evented=False),
    of("boolean", "IsDeleted", "Deleted", "削除", evented=False, default=False),
)
_MASTER = of("reference", "MasterRecordId", "Master Record", "マージ先", evented=False)


def sobject(
    name: str, prefix: str, label: str, label_ja: str, *fields: Field, merges: bool = False, shown: str = ""
) -> ObjectType:
    """Return an object with *fields* and those that every object has."""
    hidden = (*_HIDDEN, _MASTER) if merges else _HIDDEN
    every = (_ID, *fields, *map(computed, _STAMPS), *map(computed, hidden))
    return ObjectType(
        name=name,
        prefix=prefix,
        label=label,
        label_ja=label_ja,
        fields={each.name: each for each in every},
        merges=merges,
        shown=tuple(shown.split()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All objects of an organisation, by name and by id prefix."""

    objects: Mapping[str, ObjectType]
    by_prefix: Mapping[str, ObjectType] = field(default_factory=dict[str, ObjectType])

    @staticmethod
    def of(objects: Mapping[str, ObjectType]) -> "Schema":
        """Return the schema of *objects*."""
        return Schema(objects=objects, by_prefix={each.prefix: each for each in objects.values()})
