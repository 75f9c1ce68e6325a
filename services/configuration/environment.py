"""
The environment: the only place of secrets, and the check that no variable's name is misspelt.

A misspelt variable is the same mistake as a misspelt key, but nothing else would notice it.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from services.configuration.mistakes import Mistake, did_you_mean
from services.configuration.named_secrets import may_be_named

ENVIRONMENT: Final = "environment"
PREFIX: Final = "TASUKI_"

SECRETS: Final[Mapping[str, str]] = {
    "TASUKI_HUBSPOT_TOKEN": 'HubSpot, `auth = "private-app"`: the app\'s access token.',
    "TASUKI_HUBSPOT_CLIENT_SECRET": "HubSpot: the app's client secret, which signs webhooks.",
    "TASUKI_HUBSPOT_CLIENT_ID": 'HubSpot, `auth = "oauth"`: the app\'s client id.',
    "TASUKI_HUBSPOT_REFRESH_TOKEN": 'HubSpot, `auth = "oauth"`: the refresh token from the installation.',
    "TASUKI_SALESFORCE_CLIENT_ID": "Salesforce: the consumer key of the connected app.",
    "TASUKI_SALESFORCE_CLIENT_SECRET": 'Salesforce, `auth = "client-credentials"`: the consumer secret.',
    "TASUKI_SALESFORCE_PRIVATE_KEY_FILE": 'Salesforce, `auth = "jwt"`: path of the private key, in PEM.',
    "TASUKI_KAFKA_PASSWORD": 'Kafka, `security = "sasl-…"`: the user\'s password.',
    "TASUKI_REDIS_PASSWORD": "Redis or Valkey of your own: the password, if it asks for one.",
    "TASUKI_API_KEY": "What callers of `/leads/…` must present; needed where `[http] host` is not this machine "
    "alone. 16 characters or more: `openssl rand -hex 32`.",
}
"""The secrets, and what each is for."""

SHORTEST_API_KEY: Final = 16
"""Characters; shorter ones can be guessed."""

OTHERS: Final[Mapping[str, str]] = {
    "TASUKI_CONFIG": "Path of the configuration, where `--config` isn't given."
}
"""Variables that hold no secret."""

TEST_ONLY: Final = frozenset(
    {"TASUKI_KAFKA", "TASUKI_REDIS", "TASUKI_SHARED", "TASUKI_CASES", "TASUKI_KAFKA_HOME", "TASUKI_CHROMIUM"}
)
"""Read by the test suite, not by the product."""

# Kubernetes and container links put these into each container when a service is named tasuki.
# Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_SERVICE_LINK: Final = re.compile(
    r"TASUKI_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)"
    r"(?:_(?:PROTO|PORT|ADDR))?)?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """
    The secrets; None where not set. `salesforce_private_key` is the key itself, in PEM.

    `named` has those that the file calls into being, by their variables: of sinks and of the feed's keys.
    """

    hubspot_token: SecretStr | None = None
    hubspot_client_secret: SecretStr | None = None
    hubspot_client_id: SecretStr | None = None
    hubspot_refresh_token: SecretStr | None = None
    salesforce_client_id: SecretStr | None = None
    salesforce_client_secret: SecretStr | None = None
    salesforce_private_key: SecretStr | None = None
    kafka_password: SecretStr | None = None
    redis_password: SecretStr | None = None
    api_key: SecretStr | None = None
    named: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr])


def misspelt(environ: Mapping[str, str], named: Collection[str] | None = None) -> list[Mistake]:
    """
    Return a mistake for each variable that looks like one of ours and isn't.

    *named* are the variables that the file calls into being; None where it couldn't be read.
    """
    known = {_suffix(name): name for name in (*SECRETS, *(named or ()), *OTHERS)}
    mistakes: list[Mistake] = []
    for name in environ:
        if name in known.values() or name in TEST_ONLY or _SERVICE_LINK.fullmatch(name):
            continue
        if named is None and may_be_named(name):
            continue
        spelt = name.upper().replace("-", "_")
        if spelt.startswith(PREFIX):
            guess = next(iter(get_close_matches(_suffix(spelt), known, n=1)), "")
            mend = f'did you mean "{known[guess]}"?' if guess else f"known: {', '.join(known.values())}"
            mistakes.append(_mistake(name, "unknown variable", mend))
        elif _suffix(spelt) in known and did_you_mean(spelt.partition("_")[0], ["TASUKI"]):
            mend = f'did you mean "{known[_suffix(spelt)]}"?'
            mistakes.append(_mistake(name, "looks like a misspelt variable", mend))
    return mistakes


def read_secrets(
    environ: Mapping[str, str], needed: Iterable[str], named: Mapping[str, str]
) -> tuple[Secrets, list[Mistake]]:
    """
    Return the secrets that are set, and a mistake for each that is *needed* and isn't, or is no use.

    *named* are the variables that the file calls into being, with what each is for.
    """
    mistakes: list[Mistake] = []
    found: dict[str, SecretStr] = {}
    by_name: dict[str, SecretStr] = {}
    wanted = frozenset(needed)
    for name, meaning in {**named, **SECRETS}.items():
        value = environ.get(name)
        if not value:
            if name in wanted:
                problem = "is not set" if value is None else "is set but empty"
                mistakes.append(_mistake(name, problem, f"set it in the environment. {meaning}"))
        elif value != value.strip() or "\n" in value:
            mistakes.append(
                _mistake(name, "has a blank or line break in it", "set it without; `echo -n` helps")
            )
        elif _must_be_long(name) and len(value) < SHORTEST_API_KEY:
            mistakes.append(_mistake(name, "can be guessed", f"give {SHORTEST_API_KEY} characters or more"))
        elif name == "TASUKI_SALESFORCE_PRIVATE_KEY_FILE":
            _private_key(name, value, found, mistakes)
        elif name in named:
            by_name[name] = SecretStr(value)
        else:
            found[name.removeprefix(PREFIX).lower()] = SecretStr(value)
    return Secrets(**found, named=by_name), mistakes


def _must_be_long(name: str) -> bool:
    return name == "TASUKI_API_KEY" or (may_be_named(name) and not name.endswith("_URL"))


def _private_key(name: str, path: str, found: dict[str, SecretStr], mistakes: list[Mistake]) -> None:
    try:
        key = Path(path).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        mistakes.append(_mistake(name, f"can't be read: {reason}", "give the path of the key's PEM file"))
        return
    if "-----BEGIN" not in key or "PRIVATE KEY-----" not in key:
        mistakes.append(_mistake(name, "holds no private key", "give the path of the key's PEM file"))
        return
    found["salesforce_private_key"] = SecretStr(key)


def _suffix(name: str) -> str:
    return name.partition("_")[2]


def _mistake(name: str, problem: str, mend: str) -> Mistake:
    return Mistake(file=ENVIRONMENT, key=name, problem=problem, mend=mend)
