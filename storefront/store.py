"""What must outlive a request and be the same for every storefront: ended sessions, purchases with the outcome
of each line, kept forms, used keys and, under DEBUG, the secrets made at random. None of the shop's data.

One storefront keeps it in a file of its own (`local_store`); several share it in Redis (`shared_store`).
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

WAITING, SENDING, DONE, REFUSED, NOT_PLACED, UNKNOWN = (
    "waiting", "sending", "done", "refused", "not_placed", "unknown",
)  # fmt: skip
# A line that is being sent for longer than any call may take belongs to a process that died.
ABANDONED_SECONDS = 15.0
FORM_SECONDS = 3600.0
KEY_SECONDS = 30 * 86400.0
PURCHASE_SECONDS = 30 * 86400.0
READY_SECONDS = 0.2


class StoreDownError(Exception):
    """The store cannot be asked now. What was being written may have been written all the same."""


@dataclass(frozen=True)
class PurchaseLine:
    """One line of a purchase, which is one order. `precio` in cents as the shopper confirmed it."""

    producto_id: int
    nombre: str
    cantidad: int
    precio: int
    outcome: str = WAITING
    reason: str = ""
    pedido_id: int | None = None


class Store(Protocol):
    """Each call is atomic among all who use the store, and raises StoreDownError where it cannot be asked."""

    @property
    def backend(self) -> str:
        """`sqlite` or `redis`."""

    def close(self) -> None: ...

    def check(self) -> None:
        """Returns where the store can be read."""

    def secret(self, name: str) -> str:
        """The secret of this name, made at random the first time."""

    def see_somebody(self) -> None:
        """Notes that a person signed in here, so the first account of the shop is a person's."""

    def has_seen_somebody(self) -> bool: ...

    def end_session(self, sid: str, until: float) -> None:
        """Refuses the session `sid` from now on; the record may go at `until`, when its token ends anyway."""

    def has_ended(self, sid: str) -> bool: ...

    def keep_form(self, body: bytes, usuario_id: int | None, seconds: float = FORM_SECONDS) -> str:
        """Keeps what a person typed when the session had ended; returns the name to ask for it."""

    def kept_form(self, name: str, usuario_id: int) -> bytes | None:
        """What was kept under `name`, for the person it belongs to (or anyone, where that was unknown)."""

    def use_key(self, key: str, seconds: float = KEY_SECONDS) -> bool:
        """Whether `key` was never used before; from now on it was."""

    def free_key(self, key: str) -> None:
        """Takes back `use_key`: what it stood for was refused."""

    def begin_purchase(self, compra_id: str, usuario_id: int, lines: list[PurchaseLine]) -> bool:
        """Writes a purchase down before anything is sent; False when it already was.

        It is kept for 30 days: pedidos remembers its keys for ever, and a cart lives no longer.
        """

    def purchase(self, compra_id: str, usuario_id: int) -> list[PurchaseLine] | None:
        """The lines of a purchase of this person, in the order of their products; None when there is none."""

    def claim_line(self, compra_id: str, producto_id: int, also_unknown: bool) -> bool:
        """Makes this request the only one that sends the line; False when it is done, refused or being sent.

        A line of unknown outcome may be sent again only with `also_unknown`: the service then knows its key.
        """

    def settle_line(
        self, compra_id: str, producto_id: int, outcome: str, reason: str = "", pedido_id: int | None = None
    ) -> None:
        """Writes the outcome of a line down."""


def is_ready(store: Store) -> bool:
    """Whether it can be read within 200 ms."""
    begun = time.monotonic()
    try:
        store.check()
    except StoreDownError:
        return False
    return time.monotonic() - begun < READY_SECONDS


def open_store(path: Path, redis_url: str) -> Store:
    """The store that every storefront at `redis_url` shares; without one, the file at `path`."""
    # Either is imported where it is used: the shop needs no client of Redis without Redis.
    if redis_url:
        from storefront.shared_store import SharedStore

        return SharedStore(redis_url)
    from storefront.local_store import LocalStore

    return LocalStore(path)
