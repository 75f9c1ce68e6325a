"""
Companies: who they are, which of them a lead works for, and what a side lacks of one. Pure.

A company is kept like a lead, under an id that is its domain: ``company:acme.co.jp``. One whose domain nobody
tells is known by its record, ``company:salesforce:Account:001…``, until somebody does.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from services.sync.domain.desired import Missing
from services.sync.domain.fold import fields_hash, value_hash
from services.sync.domain.lead import COMPANY_PREFIX, COMPANY_SLOT, NEVER, Employer, Lead, field_key, slot_key
from services.sync.domain.owners import seen_from
from services.sync.domain.person_fields import is_other, wanted
from services.sync.domain.priority import Priority
from services.sync.domain.records import Observation, RecordRef, Scalar, Side
from services.sync.domain.register import Register, is_blank
from services.sync.domain.rules import CompanyRules, FieldRule, Policy, Rules, Scoring

DOMAIN = "domain"
"""The field of a company that says who it is."""

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")
_HOST = re.compile(r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


@lru_cache(maxsize=4096)  # each change of a lead asks for the same few
def normal_domain(text: str) -> str | None:
    """
    Return the domain in *text*, a domain or the address of a web page, None where there is none.

    Lower case, in ASCII (IDNA), without ``www.``: two that are written differently are the same.
    """
    text = _SCHEME.sub("", unicodedata.normalize("NFKC", text).strip().lower())
    host = re.split(r"[/?#]", text, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].rstrip(".")
    try:
        ascii_host = host.encode("idna").decode() if host else ""
    except UnicodeError:
        return None
    bare = ascii_host.removeprefix("www.")
    host = bare if "." in bare else ascii_host
    return host if _HOST.fullmatch(host) else None


def is_free(domain: str, free: Collection[str]) -> bool:
    """Return whether people of many companies have their mail at *domain*, or at one that it is a part of."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in free for start in range(len(labels) - 1))


def named(domain: Scalar, rules: CompanyRules) -> str | None:
    """Return the id of the company with *domain*; None where that names no company."""
    if not isinstance(domain, str) or (host := normal_domain(domain)) is None:
        return None
    return None if is_free(host, rules.free_mail) else f"{COMPANY_PREFIX}{host}"


def unnamed(ref: RecordRef) -> str:
    """Return the id of the company of which only the record *ref* is known."""
    return f"{COMPANY_PREFIX}{ref}"


def is_unnamed(company_id: str) -> bool:
    """Return whether nobody told the domain of the company *company_id*."""
    return ":" in company_id.removeprefix(COMPANY_PREFIX)


def told_in(seen: Observation, rules: CompanyRules) -> str | None:
    """Return the company that the latest domain in *seen* names; None where it tells of none."""
    found = [each for each in seen.fields if each.name == DOMAIN]
    return named(max(found, key=lambda each: each.changed_at).value, rules) if found else None


def by_address(lead: Lead, rules: CompanyRules) -> str | None:
    """Return the company that the lead's e-mail address names, sales' address first."""
    for side in (Side.SFA, Side.MA):
        address = lead.seen("email", side).there
        if isinstance(address, str) and "@" in address:
            found = named(address.rpartition("@")[2], rules)
            if found is not None:
                return found
    return None


def employer_of(lead: Lead, rules: CompanyRules) -> str | None:
    """
    Return the company that *lead* works for, None for nobody's.

    What a tool says goes before the address, sales before marketing. A company that was found to be another one is
    that one.
    """
    if lead.erased_at != NEVER or lead.merged_into:
        return None
    said = (each.company for side in (Side.SFA, Side.MA) if (each := lead.employments.get(side)))
    found = next((each for each in said if each), None) or by_address(lead, rules)
    employer = lead.employer
    return employer.id if employer is not None and found in employer.names else found


def employ(lead: Lead, rules: CompanyRules, at: int) -> None:
    """
    Note in *lead* which company it works for, joined at *at* (our clock) where it is another one.

    That one's values are to be told yet. No two companies of a lead were joined at the same instant.
    """
    found, was = employer_of(lead, rules), lead.employer
    if found != (None if was is None else was.id):
        since = at if was is None else max(at, was.joined_at + 1)
        lead.employer = None if found is None else Employer(found, since)


def rules_of(rules: Rules) -> Rules:
    """Return the rules by which companies are kept: those of their fields, beside what is the same for all."""
    companies = rules.companies
    return replace(
        rules,
        fields=MappingProxyType({}) if companies is None else companies.fields,
        scoring=Scoring(threshold=1),
        stages=(),
        produced=MappingProxyType({}),
        composed=MappingProxyType({}),
        together=MappingProxyType({}),
        opt_ins=MappingProxyType({}),
        scope=(),
        segments=(),
        companies=None,
        owner_fields=frozenset[str]() if companies is None else companies.owner_fields,
    )


def lacking(company: Lead, rules: Rules, side: Side) -> list[Missing]:
    """
    Return what is to be written on *side* of *company*, by the `rules_of` companies.

    Nothing is made: where a company has no record on a side, that side's people or tools make it.
    """
    if company.person(side) is None:
        return []
    differs: dict[str, Scalar] = {}
    for name, rule in rules.fields.items():
        mine = company.seen(name, side)
        theirs = seen_from(company.seen(name, side.other), name, side, rules)
        value = _wanted(mine, theirs, side, rule, rules)
        writable = rule.write_ma if side is Side.MA else rule.write_sfa
        lacks = is_other(mine.there, value) and is_other(mine.overtaken, value)
        if writable and lacks and not _is_refused(company, side, name, value):
            differs[name] = value
    if not differs or company.refused.get(slot_key(side, COMPANY_SLOT)) == fields_hash(differs):
        return []
    hurry = Priority.BACKFILL if company.unhurried_since != NEVER else Priority.EDIT
    return [Missing(side, COMPANY_SLOT, differs, hurry)]


def _wanted(mine: Register, theirs: Register, side: Side, rule: FieldRule, rules: Rules) -> Scalar:
    """
    Return what a field is to be on *side*, where it is *mine*: by its policy; where nobody has a say, as it stands.

    Then one side holds what tasuki wrote there for a record that stands for the company no longer: the one that goes
    first in ties, unless the policy names a side, keeps its own, and a blank takes the other's.
    """
    if mine.speaks or theirs.speaks:
        return wanted(mine, theirs, side, rule, rules)
    if is_blank(mine.there) or is_blank(theirs.there):
        return theirs.there if is_blank(mine.there) else mine.there
    if rule.policy is Policy.FILL_BLANK:
        return mine.there
    first = _FIRST.get(rule.policy, rules.tie_order[0])
    return mine.there if side is first else theirs.there


_FIRST = {Policy.MA: Side.MA, Policy.SFA: Side.SFA}


def _is_refused(company: Lead, side: Side, name: str, value: Scalar) -> bool:
    return company.refused.get(field_key(side, COMPANY_SLOT, name)) == value_hash(value)


def told_values(company: Lead, rules: CompanyRules) -> dict[str, Scalar]:
    """Return what its people are told of *company*: sales' values, marketing's where sales has none."""
    found: dict[str, Scalar] = {}
    for name in sorted(rules.told):
        sfa = company.seen(name, Side.SFA).there
        value = company.seen(name, Side.MA).there if is_blank(sfa) else sfa
        if not is_blank(value):
            found[name] = value
    return found
