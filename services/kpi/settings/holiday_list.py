"""The public holidays of a country as dates, by the `holidays` library, with the firm's own."""

import warnings
from collections.abc import Iterable
from datetime import date

from services.errors import Misconfigured


def holiday_dates(
    country: str,
    years: Iterable[int],
    *,
    subdivision: str | None = None,
    categories: Iterable[str] = ("public",),
    own: Iterable[date] = (),
) -> frozenset[date]:
    """
    Return the days on which a firm in *country* is closed in *years*.

    Args:
        country: ISO 3166-1 alpha-2 code, for instance ``JP``.
        years: All of them must be known to the library.
        subdivision: ISO 3166-2 code within the country, for instance ``BY``.
        categories: What the library calls the kinds of days: ``public``, ``bank`` …
        own: The firm's own days, of any year.

    Raises:
        Misconfigured: The library doesn't know the country, the subdivision, a category or one of the years.

    Source: https://holidays.readthedocs.io/en/latest/api/
    """
    # Takes a tenth of a second to import, which a command without calendars should not cost.
    from holidays import country_holidays  # noqa: PLC0415

    found = set(own)
    kinds = tuple(categories)
    for year in years:
        try:
            with warnings.catch_warnings():
                # Of some countries it knows the movable feasts of fewer years, and says so on standard error.
                warnings.simplefilter("ignore")
                dates = country_holidays(country, subdiv=subdivision, years=year, categories=kinds)
        except (NotImplementedError, ValueError) as error:
            raise Misconfigured(f"Holidays of {country}: {error}") from error
        if not dates:  # the library is silent where it has no data
            raise Misconfigured(f"Holidays of {country}: nothing is known of {year}")
        found |= set(dates)
    return frozenset(found)
