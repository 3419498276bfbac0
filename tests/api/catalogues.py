"""productos alone: who calls it, and catalogues of a test's own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.common.tokens import Tokens
from tests.shop import SECRET, Service, Shop

TOKENS = Tokens(SECRET)
ADMIN = TOKENS.issue({"usuario_id": 1, "nombre": "Eva", "rol": "administrador"}, 1)
CLIENT = TOKENS.issue({"usuario_id": 2, "nombre": "Ana", "rol": "cliente"}, 1)
READER = TOKENS.issue({"usuario_id": 0, "nombre": "Escaparate", "rol": "lector"}, 1)
OF_THE_ORIGINAL = TOKENS.issue({"usuario_id": 3, "nombre": "Luz"}, 1)  # only the three old claims matter

BaseUrl = Callable[[Path], str]


@contextmanager
def catalogue(folder: Path, base_url: BaseUrl, **environment: str) -> Iterator[Service]:
    """An empty catalogue, served."""
    shop = Shop(folder, base_url(folder), environment)
    try:
        shop.productos.start()
        yield shop.productos
    finally:
        shop.stop()


def add(productos: Service, nombre: str = "Taza", precio: float = 129.9, **fields: Any) -> int:
    """The id of a new product."""
    answer = productos.post("/productos", ADMIN, json={"nombre": nombre, "precio": precio, **fields})
    assert answer.status_code == 201, answer.text
    return int(answer.headers["Location"].rsplit("/", 1)[1])


def read(productos: Service, producto_id: int) -> dict[str, Any]:
    answer = productos.get(f"/productos/{producto_id}", CLIENT)
    assert answer.status_code == 200, answer.text
    product: dict[str, Any] = answer.json()
    return product


def version(productos: Service, producto_id: int) -> dict[str, str]:
    """The header that names the version as it stands."""
    return {"If-Match": productos.get(f"/productos/{producto_id}", ADMIN).headers["ETag"]}


def edit(productos: Service, producto_id: int, **changes: Any) -> dict[str, Any]:
    """The product after an administrator's changes."""
    answer = productos.patch(
        f"/productos/{producto_id}", ADMIN, json=changes, headers=version(productos, producto_id)
    )
    assert answer.status_code == 200, answer.text
    product: dict[str, Any] = answer.json()
    return product


def names(products: Sequence[dict[str, Any]]) -> list[str]:
    return [product["nombre"] for product in products]


def unbalanced(productos: Service) -> list[Any]:
    """The products whose stock and held reservations are not the sum of their ledger (invariant I2)."""
    rows = productos.sql(
        "SELECT id, coalesce(stock, 0)"
        " + (SELECT coalesce(sum(cantidad), 0) FROM reservas"
        "    WHERE producto_id = productos.id AND estado = 'tomada' AND contada = 1) AS held,"
        " (SELECT coalesce(sum(cantidad), 0) FROM movimientos WHERE producto_id = productos.id) AS ledger"
        " FROM productos"
    )
    return [row for row in rows if row.held != row.ledger]
