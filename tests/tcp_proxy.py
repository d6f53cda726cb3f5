"""A line between a client and a server that can be cut, or go silent, after so many bytes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass
class Line:
    """What goes through; `limit` bytes of answers are passed on, then the line is `cut` or goes silent."""

    port: int
    server: tuple[str, int] | str
    limit: float = float("inf")
    is_cut: bool = True
    passed: int = 0
    connections: int = 0
    sockets: list[socket.socket] = field(default_factory=list)

    def reset(self, limit: float = float("inf"), is_cut: bool = True) -> None:
        """From now on so many bytes of answers go through."""
        self.limit, self.is_cut, self.passed = limit, is_cut, 0


@contextmanager
def proxy(server: tuple[str, int] | str) -> Iterator[Line]:
    """A line to a server, given as address and port or as the path of a socket, on a port of 127.0.0.1."""
    listener = socket.create_server(("127.0.0.1", 0))
    line = Line(listener.getsockname()[1], server)
    threading.Thread(target=_accept, args=(listener, line), daemon=True).start()
    try:
        yield line
    finally:
        listener.close()
        for one in line.sockets:
            one.close()


def _accept(listener: socket.socket, line: Line) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            line.connections += 1
            there = socket.socket(socket.AF_UNIX if isinstance(line.server, str) else socket.AF_INET)
            there.connect(line.server)
            line.sockets += [client, there]
            threading.Thread(target=_forward, args=(client, there, None), daemon=True).start()
            threading.Thread(target=_forward, args=(there, client, line), daemon=True).start()


def _forward(source: socket.socket, target: socket.socket, counted: Line | None) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if counted:
                data = data[: max(0, int(min(len(data), counted.limit - counted.passed)))]
                counted.passed += len(data)
            target.sendall(data)
            if counted and counted.passed >= counted.limit:
                if not counted.is_cut:
                    return  # whoever waits for an answer waits on
                break
        for one in (source, target):
            one.shutdown(socket.SHUT_RDWR)


def socket_of(url: str) -> tuple[str, int] | str:
    """Where a PostgreSQL of this URL listens."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    return f"{folder}/.s.PGSQL.{parts.port or 5432}" if folder else (str(parts.hostname), int(parts.port or 5432))


def url_through(line: Line, url: str) -> str:
    """The same database through the line, for SQLAlchemy."""
    return f"postgresql+psycopg://postgres@127.0.0.1:{line.port}{urlsplit(url).path}"
