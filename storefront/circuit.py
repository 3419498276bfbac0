"""Keeps one sick service from taking the others with it: a breaker and a bulkhead for each."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

FAILURES_TO_OPEN = 5
SECONDS_OPEN = 5.0
PLACE_SECONDS = 0.3


class CircuitOpenError(Exception):
    """The call was not made: the service failed too often a moment ago, or too many calls wait for it."""


class Circuit:
    """Five failures in a row stop the calls for five seconds; then one call is let through to see.

    At most `places` calls run at once, so threads remain for pages that do not need this service. Whoever
    finds none free waits a moment, unless the last call failed: a service that is only busy has a place by then.
    """

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(places)
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False
        self.last_success: float | None = None

    @property
    def state(self) -> str:
        """`closed`, `open` or `probing`."""
        with self._lock:
            if self._opened_at is None:
                return "closed"
            return "probing" if self._probing else "open"

    @contextmanager
    def call(self) -> Iterator[None]:
        """Wraps one call. Whoever calls says how it went: `succeeded()` or `failed()`. Raises
        CircuitOpenError.
        """
        if not self._places.acquire(timeout=0 if self._failures else PLACE_SECONDS):
            raise CircuitOpenError("too many calls wait for this service")
        try:
            self._admit()
            yield
        finally:
            self._places.release()

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0
            self._opened_at = None
            self._probing = False
            self.last_success = time.time()

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._probing = False
            if self._failures >= FAILURES_TO_OPEN:
                self._opened_at = time.monotonic()

    def _admit(self) -> None:
        with self._lock:
            if self._opened_at is None:
                return
            if self._probing or time.monotonic() - self._opened_at < SECONDS_OPEN:
                raise CircuitOpenError("this service failed a moment ago")
            self._probing = True
