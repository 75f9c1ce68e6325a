"""What the pages' browser needs: style and modules, under an address that changes with their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Assets:
    """
    The files by name, as type and bytes; `version` differs when one of them does.

    Modules import each other by relative addresses, so the version stands before the name, not behind it: all
    files of a page are of one version.
    """

    version: str
    by_name: Mapping[str, tuple[str, bytes]]


def load_assets() -> Assets:
    """Return the files that lie in ``static/``."""
    found: dict[str, tuple[str, bytes]] = {}
    digest = hashlib.sha256()
    for each in sorted(files("services.kpi.adapters.dashboard").joinpath("static").iterdir(), key=str):
        kind = _TYPES.get("." + each.name.rpartition(".")[2])
        if kind is not None:
            found[each.name] = kind, each.read_bytes()
            digest.update(each.name.encode() + b"\0" + found[each.name][1])
    return Assets(digest.hexdigest()[:12], found)
