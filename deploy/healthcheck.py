"""
Asks the service in this container how it is; the image's health check. Ends with 0 when it is well, else with 1.

    python healthcheck.py [live|ready]

A container runs sync, the KPIs or both, so both ports are asked: one at least must answer, and none may say no.
"""

import sys
from http.client import HTTPConnection, HTTPException

PORTS = (8080, 8081)
PATIENCE_S = 4.0


def says(port: int, question: str) -> bool | None:
    """Return what is answered on *port*, or None where nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", f"/health/{question}")
        return connection.getresponse().status == 200  # noqa: PLR2004
    except ConnectionRefusedError:
        return None
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Return the exit status."""
    question = sys.argv[1] if len(sys.argv) > 1 else "live"
    answers = [answer for port in PORTS if (answer := says(port, question)) is not None]
    return 0 if answers and all(answers) else 1


if __name__ == "__main__":
    sys.exit(main())
