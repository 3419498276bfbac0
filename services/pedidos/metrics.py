"""What pedidos counts beside its requests: outcomes of orders, the breaker to productos, recovery."""

from collections.abc import Callable, Iterable

from sqlalchemy.exc import SQLAlchemyError

from services.common.metrics import Metrics
from services.pedidos.model import Encargo, Placed, RefusedError, UnconfirmedError
from services.pedidos.productos import Productos
from services.pedidos.recovery import Recovery
from services.pedidos.saga import Saga

PLACED, REPEATED, UNCONFIRMED = "placed", "repeated", "unconfirmed"


class CountedOrders:
    """Places orders as ``saga`` does, and counts how each request ended."""

    def __init__(self, saga: Saga, metrics: Metrics, refusals: Iterable[str]) -> None:
        self._saga = saga
        self._count = metrics.counter(
            "orders", "Requests to order, by outcome.", "outcome", (PLACED, REPEATED, UNCONFIRMED, *refusals)
        )

    def place(self, encargo: Encargo, deadline: float) -> Placed:
        try:
            placed = self._saga.place(encargo, deadline)
        except RefusedError as refusal:
            self._count(refusal.codigo)
            raise
        except (UnconfirmedError, SQLAlchemyError):
            self._count(UNCONFIRMED)
            raise
        self._count(REPEATED if placed.repeated else PLACED)
        return placed


def recovery_counter(metrics: Metrics) -> Callable[[str], None]:
    return metrics.counter(
        "recovery", "Sweeps, and what they ended.", "event", ("sweep", "undone", "returned")
    )


def declare(metrics: Metrics, productos: Productos, recovery: Recovery) -> None:
    metrics.gauge(
        "productos_circuit_open", "Whether calls to productos are stopped.", productos.is_left_alone
    )
    metrics.gauge(
        "unfinished_orders", "Orders that the last sweep found unfinished.", lambda: recovery.unfinished
    )
