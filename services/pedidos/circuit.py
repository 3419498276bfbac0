"""Keeps a sick service from taking this one with it: a breaker, a bulkhead, and a budget for second tries."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FAILURES = 5
OPEN_SECONDS = 5.0
STALLED_SECONDS = 0.5  # without a success: a queue that does not move is left
SECOND_TRIES = 0.1  # of all calls
SAVED_TRIES = 10.0

log = logging.getLogger(__name__)


class CircuitOpenError(Exception):
    """The call was not made."""


class Circuit:
    """Five failures in a row stop the calls for five seconds, then one is let through to see.

    At most ``places`` calls run at once, so that threads remain for what does not need the other service.
    """

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._shut_until: float | None = None
        self._last_success = 0.0

    def is_open(self) -> bool:
        """Whether a call now would not be made."""
        shut_until = self._shut_until
        return shut_until is not None and self._clock() < shut_until

    @contextmanager
    def call(self, deadline: float) -> Iterator[None]:
        """Around one call: any exception in it is a failure. Raise CircuitOpenError."""
        self._take_place(deadline)
        try:
            self._admit()
            try:
                yield
            except BaseException:
                self._failed()
                raise
            self._succeeded()
        finally:
            self._places.release()

    def _take_place(self, deadline: float) -> None:
        while not self._places.acquire(timeout=STALLED_SECONDS):
            now = self._clock()
            if now - self._last_success > STALLED_SECONDS or now >= deadline:
                raise CircuitOpenError("too many calls are waiting")

    def _admit(self) -> None:
        with self._lock:
            if self._shut_until is None:
                return
            if self._clock() < self._shut_until:
                raise CircuitOpenError("the service failed a moment ago")
            # This call is the probe: the others stay out until it has failed, succeeded, or had the time to.
            self._shut_until = self._clock() + OPEN_SECONDS

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES:
                if self._shut_until is None:
                    log.warning("productos failed %d times in a row: it is left alone for a while", FAILURES)
                self._shut_until = self._clock() + OPEN_SECONDS

    def _succeeded(self) -> None:
        with self._lock:
            if self._shut_until is not None:
                log.warning("productos answers again")
            self._failures = 0
            self._shut_until = None
            self._last_success = self._clock()


class Budget:
    """Second tries are at most a tenth of the calls, and a few saved ones, so that they cannot double a sick load."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._saved = SAVED_TRIES

    def earn(self) -> None:
        with self._lock:
            self._saved = min(SAVED_TRIES, self._saved + SECOND_TRIES)

    def spend(self) -> bool:
        with self._lock:
            if self._saved < 1:
                return False
            self._saved -= 1
            return True
