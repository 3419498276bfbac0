"""Last good copies of what the products service answered: never more than a second old while it answers."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from storefront.service import ServiceError, UnavailableError, page_deadline

FRESH_SECONDS = 1.0
RENEW_SECONDS = 0.5
LAST_GOOD_SECONDS = 15 * 60
PATIENCE_SECONDS = 0.5
TOLD_SECONDS = 5.0
KEPT_COPIES = 256

Value = TypeVar("Value")


@dataclass(frozen=True)
class Copy(Generic[Value]):
    """A value with the moment (monotonic) at which the service last vouched for it."""

    value: Value
    taken_at: float

    @property
    def age(self) -> float:
        return time.monotonic() - self.taken_at

    @property
    def minutes_old(self) -> int | None:
        """Whole minutes to tell the shopper, None while the copy is as good as fresh."""
        return None if self.age < TOLD_SECONDS else int(self.age // 60)


class Copies(Generic[Value]):
    """Last good copies by key. One call per key is under way at a time, and everyone waits for that one."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._copies: OrderedDict[object, Copy[Value]] = OrderedDict()
        self._running: dict[object, Future[Copy[Value]]] = {}
        self.writes = 0

    def get(self, key: object, fetch: Callable[[Value | None], Value]) -> Copy[Value]:
        """The copy of `key`; `fetch` is given the old value and may return it again. Raises ServiceError."""
        copy = self._copies.get(key)
        if copy is not None and copy.age < RENEW_SECONDS:
            return copy
        running = self._renew(key, fetch, copy)
        if copy is not None and copy.age < FRESH_SECONDS:
            return copy
        usable = copy is not None and copy.age < LAST_GOOD_SECONDS
        wait([running], timeout=PATIENCE_SECONDS if usable else _page_time_left())
        try:
            return running.result(timeout=0)
        except (ServiceError, TimeoutError) as problem:
            if copy is not None and usable:
                return copy
            if isinstance(problem, ServiceError):
                raise
            raise UnavailableError("productos", "takes too long", sent=False) from None

    def forget(self) -> None:
        """Makes every copy stale, so that the next page shows what was just written; kept as last good
        ones.
        """
        with self._lock:
            past = time.monotonic() - FRESH_SECONDS
            for key, copy in self._copies.items():
                self._copies[key] = replace(copy, taken_at=min(copy.taken_at, past))
            self._running.clear()
            self.writes += 1

    def _renew(
        self, key: object, fetch: Callable[[Value | None], Value], copy: Copy[Value] | None
    ) -> "Future[Copy[Value]]":
        with self._lock:
            running = self._running.get(key)
            if running is None:
                running = self._pool.submit(copy_context().run, self._fetch, key, fetch, copy)
                self._running[key] = running
            return running

    def _fetch(
        self, key: object, fetch: Callable[[Value | None], Value], copy: Copy[Value] | None
    ) -> Copy[Value]:
        # The page that asked may give up sooner, but its copy then serves the next one.
        page_deadline.set(None)
        begin = time.monotonic()
        with self._lock:
            mine, writes = self._running.get(key), self.writes
        try:
            fresh = Copy(fetch(copy.value if copy else None), begin)
            with self._lock:
                if writes != self.writes:
                    fresh = replace(fresh, taken_at=begin - FRESH_SECONDS)
                self._copies[key] = fresh
                self._copies.move_to_end(key)
                while len(self._copies) > KEPT_COPIES:
                    self._copies.popitem(last=False)
            return fresh
        finally:
            with self._lock:
                if self._running.get(key) is mine:
                    self._running.pop(key, None)


def _page_time_left() -> float:
    deadline = page_deadline.get()
    return 4.0 if deadline is None else max(0.0, deadline - time.monotonic())
