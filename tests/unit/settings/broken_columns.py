"""Broken files: columns that hold values in another form, composed fields, scope and owners that don't fit."""

from tests.unit.settings.broken import Broken

_NEW = "\n[handoffs]"

COLUMNS = {
    "telephone style of a text": Broken(
        old="[handoffs]",
        new='[[fields]]\nname = "extra"\nma = { name = "x", phone = "e164" } # x' + _NEW,
        at='ma = { name = "x", phone = "e164" } # x',
        key="fields[extra].ma.phone",
        problem="has no effect: the field is of type text",
        mend='type = "phone"',
    ),
    "day as instant of a number": Broken(
        old="[handoffs]",
        new='[[fields]]\nname = "extra"\ntype = "number"\nma = { name = "x", holds = "instant" } # x' + _NEW,
        at='ma = { name = "x", holds = "instant" } # x',
        key="fields[extra].ma.holds",
        problem="has no effect: the field is of type number",
        mend='type = "date"',
    ),
    "half of a whole name": Broken(
        old="[handoffs]",
        new='[[fields]]\nname = "extra"\nma = { name = "x", part = "last" } # x' + _NEW,
        at='ma = { name = "x", part = "last" } # x',
        key="fields[extra].ma.part",
        problem="x needs its two parts",
        mend="first",
    ),
    "composed of an unknown field": Broken(
        old="[handoffs]",
        new='[[fields]]\nname = "extra"\nma = "x"\nconcatenate = ["email", "compny"] # x' + _NEW,
        at='concatenate = ["email", "compny"] # x',
        key="fields[extra].concatenate[1]",
        problem='"compny" is no field',
        mend="company",
    ),
    "composed field that is read": Broken(
        old="[handoffs]",
        new='[[fields]]\nname = "extra"\nma = { name = "x", read_only = true } # x\nconcatenate = ["email"]'
        + _NEW,
        at='ma = { name = "x", read_only = true } # x',
        key="fields[extra].ma.read_only",
        problem="worked out by tasuki",
        mend="take read_only out",
    ),
    "scope by an unknown field": Broken(
        old="[handoffs]",
        new='[[scope]]\nfield = "contry" # x\noperator = "is"\noperands = ["JP"]' + _NEW,
        at='field = "contry" # x',
        key="scope[0].field",
        problem='"contry" is no field of a lead',
        mend="company",
    ),
    "scope without operands": Broken(
        old="[handoffs]",
        new='[[scope]]\nfield = "company"\noperator = "is"\noperands = [] # x' + _NEW,
        at="operands = [] # x",
        key="scope[0].operands",
        problem="is empty",
        mend="at least one",
    ),
    "owner's address twice": Broken(
        old="[handoffs]",
        new='[owners]\npairs = [\n  { ma = "a@x.jp", sfa = "b@x.jp" },\n  { ma = "A@x.jp", sfa = "c@x.jp" }, # x\n]'
        + _NEW,
        at='  { ma = "A@x.jp", sfa = "c@x.jp" }, # x',
        key="owners.pairs[1].ma",
        problem="is named twice",
        mend="once on each side",
    ),
    "country in words": Broken(
        old="[firm]",
        new='[firm]\ncountry = "Japan" # x',
        at='country = "Japan" # x',
        key="firm.country",
        problem='"Japan" is not a country',
        mend="JP",
    ),
    "hours of nobody": Broken(
        old="[handoffs]",
        new='[[assignment.hours]]\nwho = "nobody@x.jp" # x\ndays = ["mon"]\ntimes = ["09:00-18:00"]' + _NEW,
        at='who = "nobody@x.jp" # x',
        key="assignment.hours[0].who",
        problem="gets no leads anyway",
        mend="as in sdr",
    ),
    "no time of day": Broken(
        old="[handoffs]",
        new='[[assignment.hours]]\nwho = "sdr-1@x.jp"\ndays = ["mon"]\ntimes = ["18:00-09:00"] # x' + _NEW,
        at='times = ["18:00-09:00"] # x',
        key="assignment.hours[0].times",
        problem="must be times from and to",
        mend="09:00",
    ),
    "no day": Broken(
        old="[handoffs]",
        new='[[assignment.absences]]\nwho = "sdr-1@x.jp"\nfirst = "2026-02-30" # x\nlast = "2026-03-01"'
        + _NEW,
        at='first = "2026-02-30" # x',
        key="assignment.absences[0].first",
        problem="is no day",
        mend="2026-12-28",
    ),
}
