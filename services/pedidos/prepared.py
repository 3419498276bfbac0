"""Whole lists as bytes that are ready to send: encoding a list costs far more than asking whether it changed."""

import threading
from collections import OrderedDict
from typing import NamedTuple

from services.common.front import Answer

LARGEST = 32 * 1024  # bytes of a list that is kept
KEPT = 512  # lists


class Mark(NamedTuple):
    """Which state a person's list is in: sums over its orders, of which one is added, withdrawn or rises in version."""

    orders: int
    versions: int
    ids: int


class PreparedLists:
    """The lists asked for last, each in its newest state."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: OrderedDict[int, tuple[Mark, Answer]] = OrderedDict()

    def find(self, usuario_id: int, mark: Mark) -> Answer | None:
        with self._lock:
            known = self._lists.get(usuario_id)
            if known is None or known[0] != mark:
                return None
            self._lists.move_to_end(usuario_id)
            return known[1]

    def keep(self, usuario_id: int, mark: Mark, answer: Answer) -> None:
        if len(answer.content) > LARGEST:
            return
        with self._lock:
            self._lists[usuario_id] = mark, answer
            self._lists.move_to_end(usuario_id)
            if len(self._lists) > KEPT:
                self._lists.popitem(last=False)
