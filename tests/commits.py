"""A proxy before PostgreSQL that can lose the answer to a commit: it is done, and nobody hears of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.engine import URL, make_url


class Commits:
    """Passes every byte on, until ``lose`` is asked for."""

    def __init__(self, database: str) -> None:
        url = make_url(database)
        self._server = (str(url.host), int(url.port or 5432))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url: URL = url.set(port=self._listener.getsockname()[1])
        self.lost = 0
        self._away = self._leaves = False
        self._lock = threading.Lock()
        self._left = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, number: int, *, leaves: bool = False) -> None:
        """The answer to the ``number``-th commit from now on is lost, and its connection too.

        ``leaves``: nothing passes any more from then on, until ``come_back``.
        """
        with self._lock:
            self._left, self._leaves = number, leaves

    def come_back(self) -> None:
        with self._lock:
            self._away = False

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        losing = threading.Event()
        asking = threading.Thread(target=self._ask, args=(client, server, losing), daemon=True)
        with client, server:
            asking.start()
            self._answer(server, client, losing)
            asking.join()

    def _ask(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while (said := client.recv(65536)) and not self._away:
                if b"COMMIT" in said and self._is_the_one():
                    losing.set()
                server.sendall(said)
        hang_up(server)

    def _answer(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while (said := server.recv(65536)) and not losing.is_set():
                client.sendall(said)
        hang_up(client)
        hang_up(server)

    def _is_the_one(self) -> bool:
        with self._lock:
            self._left -= 1
            lost = self._left == 0
            self.lost += lost
            self._away = self._away or (lost and self._leaves)
            return lost


def hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def before(database: str) -> Iterator[Commits]:
    commits = Commits(database)
    try:
        yield commits
    finally:
        commits.close()
