"""argon2id with OWASP's numbers, two at a time: more hashes at once than cores gain nothing and cost 19 MiB each."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.common import memory
from services.common.errors import unavailable

AT_ONCE = 2
WAITING = 46  # others stand in line; beyond them 503, so that threads stay free for what needs no hash
hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Passwords:
    """Hashes and verifies passwords within bounds of memory and processor."""

    def __init__(self) -> None:
        self._turns = threading.Semaphore(AT_ONCE)
        self._in_line = 0
        self._counting = threading.Lock()
        # Verified where no such account exists, so that both cases take the same time.
        self._nobody = hasher.hash("nobody has this password")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Room for one hash; raise 503 where too many wait."""
        with self._counting:
            if self._in_line == AT_ONCE + WAITING:
                raise unavailable("Demasiados accesos a la vez")
            self._in_line += 1
        try:
            with self._turns:
                yield
        finally:
            with self._counting:
                self._in_line -= 1
                idle = self._in_line == 0
            if idle:
                memory.give_back()

    def hash(self, password: str) -> str:
        return hasher.hash(password.encode())

    def verify(self, stored: str | None, password: str) -> bool:
        try:
            return hasher.verify(stored or self._nobody, password.encode()) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    def is_weak(self, stored: str) -> bool:
        return hasher.check_needs_rehash(stored)
