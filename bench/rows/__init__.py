"""The rows of the table of targets, each measured by a function of its own."""

from collections.abc import Callable

from bench.rounds import Session
from bench.rows import accounts, costs, orders, pages, reads, waiting, whole

ROWS: dict[str, Callable[[Session], None]] = {
    "productos": reads.productos,
    "pedidos": reads.pedidos,
    "health": reads.health,
    "orders": orders.orders,
    "login": accounts.accounts,
    "pages": pages.pages,
    "waiting": waiting.waiting,
    "memory": whole.memory_after_journey,
    "start": whole.start,
    "costs": costs.costs,
}
