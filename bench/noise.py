"""Notices when somebody else uses the machine: a fixed piece of work that takes longer than it did at best."""

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

SLOWER = 1.15  # times the best, from which a turn is not believed
MOST_REPEATS = 2  # of one turn
MOST_IN_ALL = 20  # of a whole run, which has its time too
ITERATIONS = 60_000  # of a key derivation: some 30 ms, without Python's lock
LOOKS = 3  # the best of which counts: what a server still finishes is no noise

Value = TypeVar("Value")


@dataclass
class Guard:
    """Repeats what was measured in noise. ``repeated`` and ``noisy`` count such turns, and those that stayed so.

    ``look`` gives the seconds that the fixed work takes now; ``repeats`` is how often one turn may be repeated.
    """

    look: Callable[[], float] = lambda: min(_fixed_work() for _ in range(LOOKS))
    repeats: int = MOST_REPEATS
    best: float = float("inf")
    turns: int = 0
    repeated: int = 0
    noisy: int = 0

    def quietly(self, act: Callable[[], Value]) -> Value:
        """What ``act`` gives in its quietest turn."""
        self.turns += 1
        tried: list[tuple[float, int, Value]] = []
        before = self._slowness()
        for number in range(self.repeats + 1):
            value = act()
            after = self._slowness()
            slowness = max(before, after)
            if slowness <= SLOWER:
                return value
            tried.append((slowness, number, value))
            before = after
            if number == self.repeats or self.repeated == MOST_IN_ALL:
                break
            self.repeated += 1
        self.noisy += 1
        return min(tried)[2]

    def _slowness(self) -> float:
        """How many times the best the fixed work takes now, on all cores at once."""
        taken = self.look()
        self.best = min(self.best, taken)
        return taken / self.best


def _fixed_work() -> float:
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        started = time.perf_counter()
        list(pool.map(lambda _: hashlib.pbkdf2_hmac("sha256", b"", b"", ITERATIONS), range(cores)))
        return time.perf_counter() - started
