"""The field map as data: which vendor field holds a canonical field, and what type it has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.sync.domain.forms import PLAIN, Form
from services.sync.domain.records import Kind, Scalar


class FieldType(StrEnum):
    """What a canonical value is; the connector turns it into the vendor's form and back."""

    TEXT = "text"  # str
    EMAIL = "email"  # str
    PHONE = "phone"  # str, "+81312345678"; what is no number is kept as it is
    INTEGER = "integer"  # int
    NUMBER = "number"  # float
    MONEY = "money"  # int, minor units of the firm's currency
    DATE = "date"  # "YYYY-MM-DD"
    INSTANT = "instant"  # int, epoch milliseconds UTC
    BOOLEAN = "boolean"  # bool
    DOMAIN = "domain"  # str, "acme.co.jp"; columns may hold the address of a page there
    OWNER = "owner"  # str, the owner's e-mail address; the vendor keeps a user id


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedField:
    """
    One canonical field in one system.

    `vendor_name` is the vendor's API name. `objects` limits it to some of the vendor's objects (Salesforce:
    a field of Lead that Contact lacks); empty means all objects of the kind. `values` maps vendor values to
    canonical ones where they differ. `writable` False: read only. `form`: how the column holds values.
    `currency`: of the amounts in the column, where it isn't the firm's.
    """

    name: str
    vendor_name: str
    type: FieldType = FieldType.TEXT
    objects: tuple[str, ...] = ()
    writable: bool = True
    values: Mapping[str, str] = field(default_factory=dict[str, str])
    form: Form = PLAIN
    currency: str | None = None


def held(kind: Kind, mapped: MappedField, value: Scalar) -> Scalar:
    """
    Return *value*, of a record of *kind*, as both systems can hold it.

    An instant of a lead is cut to whole seconds, the coarsest that a mapped system keeps (ADR 0012). When
    somebody did something keeps its milliseconds: it is written nowhere.
    """
    return whole_seconds(value) if kind is Kind.LEAD and mapped.type is FieldType.INSTANT else value


def whole_seconds(instant: Scalar) -> Scalar:
    """Return *instant* cut to the second, towards the past; what is no instant stays."""
    return instant - instant % 1_000 if isinstance(instant, int) else instant


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """All mapped fields of one system, by kind of record. `currency` is the firm's (ISO 4217)."""

    fields: Mapping[Kind, tuple[MappedField, ...]]
    currency: str = "JPY"
    time_zone: str = "Asia/Tokyo"

    @property
    def keeps_companies(self) -> bool:
        """Whether any field is a company's."""
        return bool(self.fields.get(Kind.COMPANY))

    def of(self, kind: Kind, vendor_object: str | None = None) -> tuple[MappedField, ...]:
        """Return the fields of *kind*, only those that *vendor_object* has when it is given."""
        return tuple(
            each
            for each in self.fields.get(kind, ())
            if vendor_object is None or not each.objects or vendor_object in each.objects
        )
