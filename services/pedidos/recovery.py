"""Finishes what was left unfinished, without a client: unfinished orders are undone, cancelled ones give their stock back.

Presumed abort (reliability.md section 1): a client that was told 503 may have gone, so an order is never finished behind
its back. Every step may be repeated, by any process, at any time.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable

from sqlalchemy.exc import SQLAlchemyError

from services.common.database import Database
from services.pedidos import store
from services.pedidos.model import Fase, UnconfirmedError
from services.pedidos.saga import Saga, Watch, call_deadline

SWEEP_SECONDS = 5.0
BATCH = 1000
PURGE_SECONDS = 3600.0

log = logging.getLogger(__name__)


class Recovery:
    """Sweeps at start and every few seconds. An unfinished order waits ``gracia`` seconds, seen on the monotonic clock."""

    def __init__(
        self, database: Database, saga: Saga, watch: Watch, gracia: float, count: Callable[[str], None]
    ) -> None:
        self._database = database
        self._saga = saga
        self._watch = watch
        self._gracia = gracia
        self._count = count
        self.unfinished = 0  # rows at the last sweep
        self._next_purge = 0.0

    def start(self) -> None:
        threading.Thread(target=self._run, name="recovery", daemon=True).start()

    def _run(self) -> None:
        interval = min(SWEEP_SECONDS, self._gracia)
        while True:
            try:
                self.sweep()
                self._purge()
            except SQLAlchemyError as error:
                log.warning("recovery waits for the database: %s", type(error).__name__)
            except Exception:
                log.exception("recovery failed; it tries again")
            time.sleep(interval)

    def sweep(self) -> None:
        """One look at everything unfinished."""
        self._saga.withdraw_untold()
        with self._database.read() as connection:
            rows = store.unfinished(connection, BATCH)
        self._count("sweep")
        self.unfinished = len(rows)
        subjects: set[Hashable] = {_attempt(row) for row in rows}
        self._watch.keep(subjects | {(row.id, row.plazo) for row in rows})
        waiting = 0
        for row in rows:
            try:
                self._finish(row)
            except UnconfirmedError:
                waiting += 1
        if waiting:
            log.warning("recovery: %d orders wait for productos", waiting)

    def _finish(self, row: store.AnyRow) -> None:
        if row.fase == Fase.DEVOLVIENDO:
            self._saga.let_go(row, Fase.DEVOLVIENDO, Fase.DEVUELTO, call_deadline())
            self._count("returned")
        elif row.fase == Fase.ABORTANDO or (self._abandoned(row) and self._saga.abandon(row)):
            self._saga.let_go(row, Fase.ABORTANDO, Fase.ABORTADO, call_deadline())
            self._count("undone")

    def _abandoned(self, row: store.AnyRow) -> bool:
        return self._watch.age(_attempt(row)) >= self._gracia and self._saga.lease_over(row)

    def _purge(self) -> None:
        if time.monotonic() < self._next_purge:
            return
        with self._database.write() as connection:
            store.forget_refusals(connection, int(time.time() * 1000))
        self._next_purge = time.monotonic() + PURGE_SECONDS


def _attempt(row: store.AnyRow) -> Hashable:
    return ("intento", row.id, row.intento_n)
