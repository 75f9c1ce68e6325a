"""A free port of this machine that stays free until the server that is to have it starts, or starts again."""

import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager

HOST = "127.0.0.1"


@contextmanager
def held_port(number: int = 0) -> Generator[int]:
    """
    Give a port of the loopback that nobody else is given meanwhile: *number*, if that isn't 0. OSError where it is taken.

    On Linux it is held by a socket that is bound and doesn't listen: who asks for any free port gets another one, who
    asks for this one with SO_REUSEADDR gets it. Elsewhere two such sockets exclude each other, and it is only free now.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, number))
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":
            holder.close()
        yield port
