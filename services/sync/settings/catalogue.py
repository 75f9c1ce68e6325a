"""The field names that mean something to tasuki itself: their types, and those that it fills by itself."""

from collections.abc import Mapping
from typing import Final

from services.sync.domain.field_map import FieldType

PRODUCED: Final[Mapping[str, FieldType]] = {
    "score": FieldType.INTEGER,
    "score_reasons": FieldType.TEXT,
    "stage": FieldType.TEXT,
    "cycle": FieldType.INTEGER,
    "mql_at": FieldType.INSTANT,
    "sales_stage": FieldType.TEXT,
    "sales_amount": FieldType.MONEY,
    "sales_owner": FieldType.TEXT,
    "sales_close_on": FieldType.DATE,
    "lost_reason": FieldType.TEXT,
    "verdict": FieldType.TEXT,
}
"""Fields of a lead that tasuki works out and only writes."""

LEAD_TYPES: Final[Mapping[str, FieldType]] = {
    "email": FieldType.EMAIL,
    "opted_out": FieldType.BOOLEAN,
    "owner": FieldType.OWNER,
    **PRODUCED,
}
"""The type that a field of a lead must have for its name."""

OPPORTUNITY_TYPES: Final[Mapping[str, FieldType]] = {
    "name": FieldType.TEXT,
    "stage": FieldType.TEXT,
    "amount": FieldType.MONEY,
    "close_on": FieldType.DATE,
    "owner": FieldType.OWNER,
    "lost_reason": FieldType.TEXT,
}
"""The type that a field of an opportunity must have for its name."""

COMPANY_TYPES: Final[Mapping[str, FieldType]] = {
    "domain": FieldType.DOMAIN,
    "owner": FieldType.OWNER,
}
"""The type that a field of a company must have for its name."""

TYPES: Final[Mapping[str, Mapping[str, FieldType]]] = {
    "lead": LEAD_TYPES,
    "opportunity": OPPORTUNITY_TYPES,
    "company": COMPANY_TYPES,
}
"""By kind of record."""

NUMBERS: Final = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY})
"""Types that can be compared as numbers."""
