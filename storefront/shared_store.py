"""The store that several storefronts share: Redis, one operation one atomic step.

Whoever asks waits half a second at most, all told: the time-outs of the client count from one read to the
next, so here every read and write of one operation gets what is left of its time. After five failures in a
row Redis is left alone for five seconds. Moments are those of Redis, since storefronts' clocks may differ.
"""

import math
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec
from redis import ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url
from redis.exceptions import ResponseError
from redis.retry import Retry

from storefront.circuit import Circuit, CircuitOpenError
from storefront.store import (
    ABANDONED_SECONDS,
    FORM_SECONDS,
    KEY_SECONDS,
    NOT_PLACED,
    PURCHASE_SECONDS,
    SENDING,
    UNKNOWN,
    WAITING,
    PurchaseLine,
    StoreDownError,
)

OPERATION_SECONDS = 0.5
CONNECT_SECONDS = 0.3
AT_ONCE = 64
# A purchase is a hash: `usuario_id`, and of each product `<id>.line` (what was confirmed) and `<id>.outcome` …
BEGIN = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
READ = "return {redis.call('TIME')[1], redis.call('HGETALL', KEYS[1])}"
CLAIM = f"""
local key, product, also_unknown = KEYS[1], ARGV[1], ARGV[2] == '1'
local now = tonumber(redis.call('TIME')[1])
local outcome = redis.call('HGET', key, product .. '.outcome')
local free = outcome == '{WAITING}' or outcome == '{NOT_PLACED}'
if also_unknown and outcome == '{UNKNOWN}' then free = true end
if also_unknown and outcome == '{SENDING}' then
    free = tonumber(redis.call('HGET', key, product .. '.claimed_at')) < now - tonumber(ARGV[3])
end
if not free then return 0 end
redis.call('HSET', key, product .. '.outcome', '{SENDING}', product .. '.claimed_at', now)
return 1
"""
SETTLE = """
local product = ARGV[1]
if redis.call('HEXISTS', KEYS[1], product .. '.outcome') == 0 then return 0 end
redis.call('HSET', KEYS[1], product .. '.outcome', ARGV[2], product .. '.reason', ARGV[3],
           product .. '.pedido_id', ARGV[4])
return 1
"""

_until: ContextVar[float] = ContextVar("until", default=math.inf)


class _BoundedSocket:
    """A socket whose reads and writes end when the time of the running operation does."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._wait: float | None = inner.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settimeout(self, value: float | None) -> None:
        self._wait = value
        self._inner.settimeout(value)

    def _bound(self) -> None:
        if self._wait == 0:  # the pool looks whether a connection still lives
            return
        left = _until.get() - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this operation is over")
        self._inner.settimeout(min(left, self._wait or OPERATION_SECONDS))

    def recv(self, size: int) -> bytes:
        self._bound()
        return self._inner.recv(size)

    def sendall(self, data: bytes) -> None:
        self._bound()
        self._inner.sendall(data)


class _Bounded:
    def _connect(self) -> _BoundedSocket:
        return _BoundedSocket(super()._connect())  # type: ignore[misc]


class _TcpConnection(_Bounded, Connection):
    pass


class _TlsConnection(_Bounded, SSLConnection):
    pass


class _UnixConnection(_Bounded, UnixDomainSocketConnection):
    pass


def _pool(url: str) -> ConnectionPool:
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    kind = options.pop("connection_class", Connection)
    bounded = {SSLConnection: _TlsConnection, UnixDomainSocketConnection: _UnixConnection}
    return ConnectionPool(
        connection_class=bounded.get(kind, _TcpConnection),
        **{
            **options,
            "socket_timeout": OPERATION_SECONDS,
            "socket_connect_timeout": CONNECT_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
        },
    )


class SharedStore:
    """What `store.Store` says, in the Redis at `url` (redis://, rediss:// or unix://)."""

    backend = "redis"

    def __init__(self, url: str) -> None:
        self._redis = Redis(connection_pool=_pool(url))
        self.circuit = Circuit(AT_ONCE)
        self._begin = self._redis.register_script(BEGIN)
        self._read = self._redis.register_script(READ)
        self._claim = self._redis.register_script(CLAIM)
        self._settle = self._redis.register_script(SETTLE)

    def close(self) -> None:
        self._redis.connection_pool.disconnect()

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """One operation, told to the circuit. An error that Redis answers is the answer of one that lives."""
        token = _until.set(time.monotonic() + OPERATION_SECONDS)
        try:
            with self.circuit.call():
                try:
                    yield self._redis
                except BaseException as problem:
                    answered = isinstance(problem, ResponseError)
                    (self.circuit.succeeded if answered else self.circuit.failed)()
                    raise
                self.circuit.succeeded()
        except (RedisError, OSError, CircuitOpenError) as problem:
            raise StoreDownError(type(problem).__name__) from None
        finally:
            _until.reset(token)

    def check(self) -> None:
        with self._asking() as redis:
            redis.ping()

    def secret(self, name: str) -> str:
        with self._asking() as redis:
            redis.set(f"pingui:secret:{name}", secrets.token_urlsafe(48), nx=True)
            return str(redis.get(f"pingui:secret:{name}").decode())

    def see_somebody(self) -> None:
        with self._asking() as redis:
            redis.set("pingui:somebody", "1")

    def has_seen_somebody(self) -> bool:
        with self._asking() as redis:
            return bool(redis.exists("pingui:somebody"))

    def end_session(self, sid: str, until: float) -> None:
        with self._asking() as redis:
            redis.set(f"pingui:ended:{sid}", "1", exat=math.ceil(until))

    def has_ended(self, sid: str) -> bool:
        with self._asking() as redis:
            return bool(redis.exists(f"pingui:ended:{sid}"))

    def keep_form(self, body: bytes, usuario_id: int | None, seconds: float = FORM_SECONDS) -> str:
        name = secrets.token_urlsafe(16)
        owner = b"" if usuario_id is None else str(usuario_id).encode()
        with self._asking() as redis:
            redis.set(f"pingui:form:{name}", owner + b":" + body, px=int(seconds * 1000))
        return name

    def kept_form(self, name: str, usuario_id: int) -> bytes | None:
        with self._asking() as redis:
            kept: bytes | None = redis.get(f"pingui:form:{name}")
        if kept is None:
            return None
        owner, _separator, body = kept.partition(b":")
        return body if owner in (b"", str(usuario_id).encode()) else None

    def use_key(self, key: str, seconds: float = KEY_SECONDS) -> bool:
        with self._asking() as redis:
            return bool(redis.set(f"pingui:key:{key}", "1", nx=True, px=int(seconds * 1000)))

    def free_key(self, key: str) -> None:
        with self._asking() as redis:
            redis.delete(f"pingui:key:{key}")

    def begin_purchase(self, compra_id: str, usuario_id: int, lines: list[PurchaseLine]) -> bool:
        fields: list[Any] = ["usuario_id", usuario_id]
        for one in lines:
            confirmed = msgspec.json.encode([one.nombre, one.cantidad, one.precio])
            fields += [f"{one.producto_id}.line", confirmed, f"{one.producto_id}.outcome", WAITING]
        with self._asking():
            return bool(self._begin([_purchase(compra_id)], [int(PURCHASE_SECONDS), *fields]))

    def purchase(self, compra_id: str, usuario_id: int) -> list[PurchaseLine] | None:
        with self._asking():
            now, pairs = self._read([_purchase(compra_id)])
        held = {name.decode(): value for name, value in zip(pairs[::2], pairs[1::2], strict=True)}
        if held.get("usuario_id") != str(usuario_id).encode():
            return None
        products = sorted(int(name.split(".")[0]) for name in held if name.endswith(".line"))
        return [_line(held, number, int(now)) for number in products]

    def claim_line(self, compra_id: str, producto_id: int, also_unknown: bool) -> bool:
        with self._asking():
            return bool(
                self._claim([_purchase(compra_id)], [producto_id, int(also_unknown), ABANDONED_SECONDS])
            )

    def settle_line(
        self, compra_id: str, producto_id: int, outcome: str, reason: str = "", pedido_id: int | None = None
    ) -> None:
        number = "" if pedido_id is None else pedido_id
        with self._asking():
            self._settle([_purchase(compra_id)], [producto_id, outcome, reason, number])


def _purchase(compra_id: str) -> str:
    return f"pingui:purchase:{compra_id}"


def _line(held: dict[str, bytes], producto_id: int, now: int) -> PurchaseLine:
    def text(member: str) -> str:
        return held.get(f"{producto_id}.{member}", b"").decode()

    nombre, cantidad, precio = msgspec.json.decode(held[f"{producto_id}.line"])
    outcome, pedido_id = text("outcome"), text("pedido_id")
    if outcome == SENDING and int(text("claimed_at")) < now - ABANDONED_SECONDS:
        outcome = UNKNOWN
    return PurchaseLine(
        producto_id,
        nombre,
        cantidad,
        precio,
        outcome,
        text("reason"),
        int(pedido_id) if pedido_id else None,
    )
