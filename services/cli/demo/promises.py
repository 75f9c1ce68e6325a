"""What the demo's configuration says of KPIs: promises short enough to be broken while somebody watches, and who is told."""

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.cli.stage.portals import PEOPLE
from services.cli.stage.receiver import PATH

DASHBOARD_PORT: Final = 8_081
RECEIVER_PORT: Final = 8_082
"""Where both are unless somebody else is there: a browser's tab outlives the demo, and finds the next one."""

HOT: Final = ("紹介", "ウェビナー")
"""The sources of hot leads, which are promised an answer in half the time."""

_SINK: Final = "demo-alerts"
_TEAMS: Final = ("東日本", "西日本", "新規開拓")


def free_ports(usual: tuple[int, int] = (DASHBOARD_PORT, RECEIVER_PORT)) -> tuple[int, int]:
    """
    Return the dashboard's port and the receiver's: the *usual* two if nobody listens at either, else two free ones.

    Together, since the receiver listens at once and the dashboard seconds later: of two demos started one after the
    other, the second then doesn't take the first one's dashboard for a port that is free.
    """
    try:
        return _free(usual)
    except OSError:
        return _free((0, 0))


def _free(wanted: tuple[int, int]) -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", wanted[0])) as one,
        socket.create_server(("127.0.0.1", wanted[1])) as other,
    ):
        return int(one.getsockname()[1]), int(other.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Telling:
    """Where the dashboard is and where alerts go: two ports of this machine (see `free_ports`), and the secret that signs."""

    ports: tuple[int, int] = field(default_factory=free_ports)
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def dashboard_port(self) -> int:
        """The dashboard's port."""
        return self.ports[0]

    @property
    def receiver_port(self) -> int:
        """The receiver's port."""
        return self.ports[1]

    @property
    def page(self) -> str:
        """Where the alerts that arrived are listed."""
        return f"http://127.0.0.1:{self.receiver_port}/"

    @property
    def environ(self) -> Mapping[str, str]:
        """The sink's secrets."""
        name = f"TASUKI_SINK_{_SINK.upper().replace('-', '_')}"
        return {
            f"{name}_URL": f"http://127.0.0.1:{self.receiver_port}{PATH}",
            f"{name}_SECRET": self.secret,
        }

    @property
    def sections(self) -> Mapping[str, Any]:
        """The sections of tasuki.toml."""
        return {
            "kpi": {
                "goals": {
                    "revenue": 100_000_000,
                    "average_order": 5_000_000,
                    "win_rate": 0.2,
                    "opportunity_rate": 0.15,
                },
                "targets": {
                    "sql_rate": {"sdr": 0.5, "bdr": 0.4},
                    "time_to_first_response": {"sdr": "3s", "bdr": "3s"},
                },
            },
            "sla": _PROMISES,
            "people": [
                {"email": email, "name": f"{last} {first}", "team": team}
                for (email, last, first), team in zip(PEOPLE, _TEAMS, strict=True)
            ],
            "roles": [{"role": "team-lead", "person": PEOPLE[1][0]}],
            "sinks": [{"name": _SINK, "kind": "webhook"}],
            "alerts": {
                "default": [_SINK],
                "link": f"http://127.0.0.1:{self.dashboard_port}/lead?id={{lead_id}}",
            },
        }


_PROMISES: Final[list[dict[str, Any]]] = [
    {
        "name": "mql-response",
        "label": "first response to the MQL",
        "label_ja": "MQL対応",
        "starts": ["mql"],
        "stops": ["first_response", "sql", "appointment", "opportunity"],
        "cancels": ["lost", "recycled"],
        "targets": [{"within": "4s", "when": {"source": list(HOT)}}, {"within": "8s"}],
        "warnings": [{"share": 0.75, "notify": ["owner"]}],
        "breach_notify": ["owner"],
        "escalations": [{"after": "4s", "notify": ["team-lead"]}],
    },
    {
        "name": "sql-meeting",
        "label": "meeting with the SQL",
        "label_ja": "SQLのアポ設定",
        "starts": ["sql"],
        "stops": ["appointment", "opportunity"],
        "cancels": ["lost", "recycled"],
        "targets": [{"within": "20s"}],
        "warnings": [{"share": 0.75, "notify": ["owner"]}],
        "breach_notify": ["owner"],
    },
]
