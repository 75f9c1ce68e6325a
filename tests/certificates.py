"""Certificates for servers on 127.0.0.1, made by the openssl program."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers import missing_server


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: whom to trust, and the servers' key with its certificate in one file."""

    authority: Path
    server: Path


def certificates(folder: Path) -> Certificates:
    """Make a certificate that is its own authority in *folder*; skip the test where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        missing_server("openssl", "the openssl program makes certificates for tests (Debian: openssl)")
    key, authority, server = folder / "key.pem", folder / "authority.pem", folder / "server.pem"
    subprocess.run(  # noqa: S603 -- fixed arguments
        [
            *(
                openssl,
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key)),
            *("-out", str(authority)),
        ],
        check=True,
        capture_output=True,
    )
    server.write_text(key.read_text() + authority.read_text())
    return Certificates(authority, server)
