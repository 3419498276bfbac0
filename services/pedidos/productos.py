"""What pedidos asks of productos: to hold stock for an order, and to let it go."""

import random
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeVar

import msgspec

from services.common.logs import traceparent
from services.common.tokens import CREDENTIAL_SECONDS, Tokens
from services.pedidos.circuit import Budget, Circuit, CircuitOpenError
from services.pedidos.model import CENTAVOS_MAXIMOS, RefusedError, Reserva, UnconfirmedError
from services.pedidos.transport import Answer, Transport, TransportError, UnreachableError

CALL_SECONDS = 2.0
PAUSE = (0.05, 0.15)  # seconds before a second try
DEADLINE_HEADER = "X-Plazo-Ms"  # milliseconds that the caller still waits
REFUSALS = {
    409: ("sin_stock", "cancelada"),
    422: ("producto_desconocido", "producto_retirado"),
}

Read = TypeVar("Read")


class Tomada(msgspec.Struct):
    """The answer that a reservation is held."""

    id: str
    producto_id: int
    cantidad: int
    estado: Literal["tomada"]
    nombre: str
    precio: float
    moneda: str


class Cancelada(msgspec.Struct):
    """The answer that a reservation is cancelled."""

    id: str
    estado: Literal["cancelada"]


class Negativa(msgspec.Struct):
    """An error of productos that says which."""

    codigo: str


class NonsenseError(Exception):
    """The answer is not one that productos declares."""


class Productos:
    """The reservations of the productos at ``address``. At most ``places`` orders wait for it at once."""

    def __init__(self, address: str, tokens: Tokens, places: int) -> None:
        self._transport = Transport(address)
        self._credential = Credential(tokens)
        self._circuit = Circuit(places)
        self._budget = Budget()

    def reserve(self, reserva_id: str, producto_id: int, cantidad: int, deadline: float) -> Reserva:
        """Hold stock; repeating it changes nothing.

        Raise RefusedError (sin_stock, cancelada, producto_desconocido, producto_retirado), or UnconfirmedError where it
        is not known whether stock is held.
        """

        def read(answer: Answer) -> Reserva | RefusedError:
            refusal = _refusal(answer)
            if refusal:
                return refusal
            tomada = _decoded(answer, Tomada)
            if (tomada.id, tomada.producto_id, tomada.cantidad) != (reserva_id, producto_id, cantidad):
                raise NonsenseError("the reservation is another one")
            return Reserva(tomada.nombre, _cents(tomada.precio), tomada.moneda)

        body = msgspec.json.encode({"producto_id": producto_id, "cantidad": cantidad})
        result = self._call("PUT", f"/reservas/{reserva_id}", body, deadline, read)
        if isinstance(result, RefusedError):
            raise result
        return result

    def is_left_alone(self) -> bool:
        """Whether it failed so often that a call now would not be made."""
        return self._circuit.is_open()

    def cancel(self, reserva_id: str, deadline: float) -> None:
        """Let go of what is held, or forbid that it ever is; raise UnconfirmedError."""

        def read(answer: Answer) -> None:
            if _decoded(answer, Cancelada).id != reserva_id:
                raise NonsenseError("the reservation is another one")

        self._call("DELETE", f"/reservas/{reserva_id}", b"", deadline, read)

    def _call(
        self, method: str, path: str, body: bytes, deadline: float, read: Callable[[Answer], Read]
    ) -> Read:
        deadline = min(deadline, time.monotonic() + CALL_SECONDS)

        def once() -> Read:
            answer = self._transport.request(method, path, body, self._headers(deadline), deadline)
            if answer.status == 401:
                self._credential.renew()
            return read(answer)

        try:
            with self._circuit.call(deadline):
                return self._twice_at_most(once, deadline)
        except (CircuitOpenError, TransportError, NonsenseError) as error:
            raise UnconfirmedError(f"{method} /reservas: {error}") from error

    def _twice_at_most(self, once: Callable[[], Read], deadline: float) -> Read:
        self._budget.earn()
        try:
            return once()
        except UnreachableError:
            raise
        except (TransportError, NonsenseError):
            pause = random.uniform(*PAUSE)
            if time.monotonic() + pause >= deadline or not self._budget.spend():
                raise
        time.sleep(pause)
        return once()

    def _headers(self, deadline: float) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._credential.current()}",
            "Content-Type": "application/json",
            "traceparent": traceparent(),
            DEADLINE_HEADER: str(max(1, int((deadline - time.monotonic()) * 1000))),
        }


class Credential:
    """The service credential, signed anew when half of its life is over."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()
        self.renew()

    def renew(self) -> None:
        self._text, self._fresh_until = "", 0.0

    def current(self) -> str:
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                self._text = self._tokens.credential()
                self._fresh_until = time.monotonic() + CREDENTIAL_SECONDS / 2
            return self._text


def _refusal(answer: Answer) -> RefusedError | None:
    known = REFUSALS.get(answer.status)
    if not known:
        return None
    codigo = _json(answer.body, Negativa).codigo
    if codigo not in known:
        raise NonsenseError(f"{answer.status} {codigo}")
    return RefusedError(codigo)


def _decoded(answer: Answer, declared: type[Read]) -> Read:
    if answer.status != 200:
        raise NonsenseError(f"status {answer.status}")
    return _json(answer.body, declared)


def _json(body: bytes, declared: type[Read]) -> Read:
    try:
        return msgspec.json.decode(body, type=declared)
    except (msgspec.DecodeError, ValueError) as error:
        raise NonsenseError(str(error)) from None


def _cents(price: float) -> int:
    """A number of JSON as cents; its shortest spelling is exact for every price allowed."""
    cents = Decimal(repr(price)) * 100
    if cents != int(cents) or not 1 <= cents <= CENTAVOS_MAXIMOS:
        raise NonsenseError("the price is no price")
    return int(cents)
