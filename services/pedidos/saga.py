"""The ordering protocol of reliability.md section 1: one order for each intention, and stock held for each order.

Three commits and two messages: the intent is durable before stock is asked for, and it becomes an order only where nobody
undid it meanwhile. Safety depends on no clock; leases only keep two requests from doing the same work twice.
"""

import logging
import time
import uuid
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from services.common.database import WAIT, Database
from services.pedidos import store
from services.pedidos.model import (
    Attempt,
    Encargo,
    Fase,
    Placed,
    RefusedError,
    Resumption,
    UnconfirmedError,
    resume,
)
from services.pedidos.productos import CALL_SECONDS, Productos

ORDER_SECONDS = 3.0
LEASE_SECONDS = ORDER_SECONDS + 1
# Seconds that giving a lease back may take when the deadline has passed, and between two tries.
LEAST_WAIT = 0.1

log = logging.getLogger(__name__)


class Watch:
    """How long this process has seen things unchanged, on the monotonic clock: a clock that is set ends no wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Hashable, float] = {}

    def age(self, subject: Hashable) -> float:
        now = self._clock()
        return now - self._seen.setdefault(subject, now)

    def keep(self, subjects: set[Hashable]) -> None:
        """Forget all others."""
        self._seen = {subject: since for subject, since in self._seen.copy().items() if subject in subjects}


class Saga:
    """Places orders and changes them. Without ``productos`` every order stands at once and holds nothing."""

    def __init__(self, database: Database, productos: Productos | None, watch: Watch) -> None:
        self._database = database
        self._productos = productos
        self._watch = watch
        # Told "not placed" while nobody could say whether their last commit was done.
        self._untold: set[Attempt] = set()

    def place(self, encargo: Encargo, deadline: float) -> Placed:
        """The order of ``encargo``, at most one for its key for ever; ``deadline`` is on the monotonic clock.

        Raise RefusedError (en_curso, clave_reutilizada, sin_stock, producto_desconocido, producto_retirado), or
        UnconfirmedError: not placed, unless it is asked for again with the same key.
        """
        attempt = self._begun(encargo, deadline)
        if isinstance(attempt, Placed):
            return attempt
        try:
            self._settle(attempt, encargo, deadline)
        except (UnconfirmedError, SQLAlchemyError):
            if not self._stands(attempt, deadline):
                raise
        return Placed(attempt.pedido_id, repeated=False)

    def change(
        self, pedido_id: int, usuario_id: int | None, decide: Callable[[Any], dict[str, Any]]
    ) -> store.AnyRow | None:
        """The order after what ``decide`` says of it, None where this person has none of that number.

        What a cancelled order held goes back at once where productos answers, by recovery where it does not.
        """
        deadline = time.monotonic() + ORDER_SECONDS
        with self._write(deadline) as connection:
            pedido = store.find(connection, pedido_id, usuario_id, lock=True)
            changed = decide(pedido) if pedido else {}
            if changed:
                store.change(connection, pedido_id, changed)
                pedido = store.find(connection, pedido_id, usuario_id)
        if pedido and changed.get("fase") == Fase.DEVOLVIENDO:
            try:
                self.let_go(pedido, Fase.DEVOLVIENDO, Fase.DEVUELTO, deadline)
            except (UnconfirmedError, SQLAlchemyError) as error:
                log.warning("order %d: its stock goes back later: %s", pedido_id, type(error).__name__)
        return pedido

    def withdraw_untold(self) -> None:
        """Undo what was told "not placed" and turns out to be an order, but where a request with its key was told of it."""
        for attempt in self._untold.copy():
            with self._database.write() as connection:
                withdrawn = store.withdraw(connection, attempt)
            self._untold.discard(attempt)
            if withdrawn:
                log.warning("order %d: withdrawn, it was told 503", attempt.pedido_id)

    def abandon(self, pedido: store.AnyRow) -> bool:
        """Whether an unfinished attempt is undone from here on; not where it ended meanwhile."""
        with self._database.write() as connection:
            return store.move(connection, pedido.id, pedido.intento_n, Fase.INTENTO, Fase.ABORTANDO)

    def let_go(self, pedido: store.AnyRow, before: Fase, after: Fase, deadline: float) -> None:
        """Cancel the reservation, then note that it is; may be repeated. Raise UnconfirmedError."""
        if self._productos is None:
            raise UnconfirmedError("pedidos runs alone")
        self._productos.cancel(pedido.reserva_id, deadline)
        with self._database.write() as connection:
            store.move(connection, pedido.id, pedido.intento_n, before, after)

    def lease_over(self, pedido: store.AnyRow) -> bool:
        """Whether nobody works on an attempt: its lease was given back, or stood still for longer than any order takes."""
        return pedido.plazo is None or self._watch.age((pedido.id, pedido.plazo)) >= LEASE_SECONDS

    def _begun(self, encargo: Encargo, deadline: float) -> Attempt | Placed:
        try:
            with self._write(deadline) as connection:
                return self._begin(connection, encargo)
        except IntegrityError:
            # Another request with this key was first: the key is known now.
            with self._write(deadline) as connection:
                return self._begin(connection, encargo)

    def _begin(self, connection: Connection, encargo: Encargo) -> Attempt | Placed:
        known = store.by_key(connection, encargo.usuario_id, encargo.clave) if encargo.clave else None
        now = int(time.time() * 1000)
        start = store.Start(Fase.CONFIRMADO, None, None, now)
        if self._productos:
            start = store.Start(Fase.INTENTO, str(uuid.uuid4()), now + int(LEASE_SECONDS * 1000), now)
        if known is None:
            if self._productos and self._productos.is_left_alone():
                raise UnconfirmedError("productos failed a moment ago, so not even the intent is stored")
            return self._started(store.add(connection, encargo, start), 1, start)
        match resume(known.fase, known.huella == encargo.huella, self.lease_over(known)):
            case Resumption.REPLAY:
                if known.plazo is not None:
                    store.end_lease(connection, known.id)
                return Placed(known.id, repeated=True)
            case Resumption.RESTART:
                store.restart(connection, known.id, start)
                return self._started(known.id, known.intento_n + 1, start)
            case Resumption.CONTINUE if start.plazo is None:
                raise UnconfirmedError("pedidos runs alone and this order waits for productos")
            case Resumption.CONTINUE:
                store.lease(connection, known.id, start.plazo)
                return Attempt(known.id, known.intento_n, known.reserva_id, start.plazo)

    @staticmethod
    def _started(pedido_id: int, intento_n: int, start: store.Start) -> Attempt | Placed:
        if start.reserva_id is None or start.plazo is None:
            return Placed(pedido_id, repeated=False)
        return Attempt(pedido_id, intento_n, start.reserva_id, start.plazo)

    def _settle(self, attempt: Attempt, encargo: Encargo, deadline: float) -> None:
        """Steps 2 and 3: hold the stock, then make the attempt an order, or a refusal."""
        assert self._productos is not None  # noqa: S101 - without it no order needs settling
        try:
            reserva = self._productos.reserve(
                attempt.reserva_id, encargo.producto_id, encargo.cantidad, deadline
            )
        except RefusedError as refusal:
            self._note_refusal(attempt, refusal.codigo, deadline)
            raise
        with self._write(deadline) as connection:
            if not store.confirm(connection, attempt, reserva, reserva.total(encargo.cantidad)):
                raise UnconfirmedError("the attempt was undone meanwhile")

    def _note_refusal(self, attempt: Attempt, codigo: str, deadline: float) -> None:
        """Lack of stock is remembered under the key; an unknown product is not, but its reservation must be forbidden."""
        if codigo == "cancelada":
            raise UnconfirmedError("the attempt was undone meanwhile")
        with self._write(deadline) as connection:
            if codigo != "sin_stock":
                store.end_attempt(connection, attempt, Fase.ABORTANDO)
            elif not store.end_attempt(connection, attempt, Fase.RECHAZADO):
                raise UnconfirmedError("the attempt was undone meanwhile")

    def _stands(self, attempt: Attempt, deadline: float) -> bool:
        """Whether an attempt that met an error is an order all the same; where it is none its lease is given back.

        The answer to a commit may be lost. A server of databases that is gone for a moment is asked until the deadline;
        a file that cannot be written is none. Where nobody can say, recovery makes "not placed" true later.
        """
        while True:
            try:
                with self._write(max(deadline, time.monotonic() + LEAST_WAIT)) as connection:
                    given_back = store.give_lease_back(connection, attempt)
                    return not given_back and store.is_order(connection, attempt)
            except (UnconfirmedError, SQLAlchemyError) as error:
                if self._database.backend == "sqlite" or time.monotonic() + LEAST_WAIT > deadline:
                    name = type(error).__name__
                    log.warning("order %d: its lease runs out by itself: %s", attempt.pedido_id, name)
                    self._untold.add(attempt)
                    return False
            time.sleep(LEAST_WAIT)

    def _write(self, deadline: float) -> AbstractContextManager[Connection]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise UnconfirmedError("the deadline has passed")
        return self._database.write(min(left, WAIT))


def call_deadline() -> float:
    """For a call that no order waits for."""
    return time.monotonic() + CALL_SECONDS
