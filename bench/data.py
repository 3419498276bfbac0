"""The data sets: a shop of 100 products, and one of 100 000 products, 1 000 000 orders and 10 000 accounts.

A set is made once and kept. Its databases are those that the services' own migrations make, filled by plain inserts; the peers
get the same rows in tables like the original's.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.common.moments import iso
from services.pedidos.model import folded
from services.productos.model import fold
from services.usuarios.passwords import hasher

PASSWORD = "the same for all of them"  # noqa: S105 - of accounts that exist in measurements only
READER_EMAIL, READER_PASSWORD = "lector@bench.test", "the reader's password"
NOUNS = ("Taza", "Gorro", "Bufanda", "Póster", "Mochila", "Libreta", "Lámpara", "Manta", "Peluche", "Termo")
KINDS = ("emperador", "adelaida", "barbijo", "papúa", "rey", "macaroni", "azul", "africano", "magallánico")
CATEGORIES = ("Hogar", "Ropa", "Papelería", "Juguetes", "Cocina", "Viaje", "Jardín", "Bebés")
PICTURES = tuple(hashlib.blake2b(f"picture {n}".encode(), digest_size=16).hexdigest() for n in range(24))
FIRST_MOMENT = 1_760_000_000_000  # milliseconds UTC
STOCK = 1_000_000_000
BATCH = 20_000

Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How large a set is; ``orders`` are spread evenly over the accounts from number 2 on (1 is the administrator)."""

    name: str
    products: int
    orders: int
    accounts: int
    with_peers: bool


SMALL = Size("small", 100, 64 * 20, 65, with_peers=True)
LARGE = Size("large", 100_000, 1_000_000, 10_001, with_peers=False)


def email(number: int) -> str:
    return f"persona{number}@bench.test"


@dataclass(frozen=True)
class Product:
    id: int

    @property
    def nombre(self) -> str:
        return f"{NOUNS[self.id % len(NOUNS)]} {KINDS[self.id // 7 % len(KINDS)]} {self.id}"

    @property
    def precio(self) -> int:
        """Cents."""
        return 1_990 + self.id * 7_919 % 200_000

    @property
    def categoria(self) -> str:
        return CATEGORIES[self.id % len(CATEGORIES)]

    @property
    def descripcion(self) -> str:
        return (
            f"{self.nombre}: hecho a mano con materiales que duran. Pieza número {self.id} de nuestra colección de"
            f" {self.categoria.lower()}, probada por pingüinos en invierno."
        )

    @property
    def creado_en(self) -> int:
        return FIRST_MOMENT + self.id * 1000

    @property
    def imagen(self) -> str:
        return PICTURES[self.id % len(PICTURES)]

    @property
    def imagen_alt(self) -> str:
        return f"Dibujo de {self.nombre}"


@dataclass(frozen=True)
class Order:
    id: int
    size: Size

    @property
    def usuario_id(self) -> int:
        return 2 + self.id % (self.size.accounts - 1)

    @property
    def producto(self) -> Product:
        return Product(1 + self.id * 31 % self.size.products)

    @property
    def cantidad(self) -> int:
        return 1 + self.id % 3

    @property
    def creado_en(self) -> int:
        return FIRST_MOMENT + 10**9 + self.id * 1000


def fill_shop(run: "Run", size: Size, say: Say) -> None:
    """Fill empty databases of the shop. ``run(service, statement, rows)`` executes a statement for many rows."""
    run(
        "productos",
        "INSERT INTO imagenes (hash, ancho, alto) VALUES (:hash, 960, 720)",
        [{"hash": picture} for picture in PICTURES],
    )
    for batch in batches(size.products, "products", say):
        run("productos", INSERT_PRODUCT, [product_row(Product(number)) for number in batch])
        run("productos", INSERT_MOVEMENT, [movement_row(Product(number)) for number in batch])
    names = [Product(number).nombre for number in range(1, size.products + 1)]
    run(
        "pedidos",
        "INSERT INTO nombres (nombre, plegado) VALUES (:nombre, :plegado)",
        [{"nombre": name, "plegado": folded(name)} for name in names],
    )
    for batch in batches(size.orders, "orders", say):
        run("pedidos", INSERT_ORDER, [order_row(Order(number, size)) for number in batch])
    password = hasher.hash(PASSWORD)
    for batch in batches(size.accounts, "accounts", say):
        run("usuarios", INSERT_ACCOUNT, [account_row(number, password) for number in batch])
    run("usuarios", "UPDATE contador SET ultimo = :ultimo", [{"ultimo": size.accounts}])


Run = Callable[[str, str, list[dict[str, Any]]], None]

INSERT_PRODUCT = (
    "INSERT INTO productos (id, nombre, nombre_plegado, texto_plegado, precio, descripcion, stock, categoria, imagen,"
    " imagen_alt, activo, version, creado_en) VALUES (:id, :nombre, :nombre_plegado, :texto_plegado, :precio,"
    " :descripcion, :stock, :categoria, :imagen, :imagen_alt, 1, 1, :creado_en)"
)
INSERT_MOVEMENT = (
    "INSERT INTO movimientos (producto_id, cantidad, motivo, creado_en)"
    " VALUES (:producto_id, :cantidad, 'inicial', :creado_en)"
)
INSERT_ORDER = (
    "INSERT INTO pedidos (id, usuario_id, producto_id, cantidad, estado, nombre, precio_unitario, total, moneda,"
    " creado_en, version, fase, intento_n) VALUES (:id, :usuario_id, :producto_id, :cantidad, 'pendiente', :nombre,"
    " :precio_unitario, :total, 'MXN', :creado_en, 1, 'confirmado', 1)"
)
INSERT_ACCOUNT = (
    "INSERT INTO usuarios (id, nombre, email, email_clave, password, rol, creado_en, valido_desde)"
    " VALUES (:id, :nombre, :email, :email, :password, :rol, :creado_en, 0)"
)


def product_row(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "nombre": product.nombre,
        "nombre_plegado": fold(product.nombre),
        "texto_plegado": fold(f"{product.categoria} {product.descripcion}"),
        "precio": product.precio,
        "descripcion": product.descripcion,
        "stock": STOCK,
        "categoria": product.categoria,
        "imagen": product.imagen,
        "imagen_alt": product.imagen_alt,
        "creado_en": product.creado_en,
    }


def movement_row(product: Product) -> dict[str, Any]:
    return {"producto_id": product.id, "cantidad": STOCK, "creado_en": product.creado_en}


def order_row(order: Order) -> dict[str, Any]:
    product = order.producto
    return {
        "id": order.id,
        "usuario_id": order.usuario_id,
        "producto_id": product.id,
        "cantidad": order.cantidad,
        "nombre": product.nombre,
        "precio_unitario": product.precio,
        "total": product.precio * order.cantidad,
        "creado_en": order.creado_en,
    }


def account_row(number: int, password: str) -> dict[str, Any]:
    return {
        "id": number,
        "nombre": f"Persona {number}",
        "email": email(number),
        "password": password,
        "rol": "administrador" if number == 1 else "cliente",
        "creado_en": FIRST_MOMENT,
    }


def batches(count: int, what: str, say: Say) -> Iterator[range]:
    """Numbers from 1 to ``count`` in batches, with a progress bar."""
    started = time.monotonic()
    for first in range(1, count + 1, BATCH):
        batch = range(first, min(count + 1, first + BATCH))
        yield batch
        share = batch[-1] / count
        filled = round(24 * share)
        left = (time.monotonic() - started) / share * (1 - share)
        say(f"{what:<9} {'█' * filled}{'░' * (24 - filled)} {share:4.0%} {left:4.0f} s left")


def fill_peers(folder: Path, size: Size) -> None:
    """The same products and orders in tables as plain as the original's: ``productos.db`` and ``pedidos.db``."""
    folder.mkdir()
    products = (Product(number) for number in range(1, size.products + 1))
    orders = (Order(number, size) for number in range(1, size.orders + 1))
    fill_peer(folder / "productos.db", PEER_PRODUCTS, "productos", map(peer_product, products))
    fill_peer(folder / "pedidos.db", PEER_ORDERS, "pedidos", map(peer_order, orders))


def fill_peer(file: Path, create: str, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(create)
        columns = len(connection.execute(f"SELECT * FROM {table}").description)  # noqa: S608 - our own names
        connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})", rows)  # noqa: S608


PEER_PRODUCTS = """CREATE TABLE productos (id INTEGER PRIMARY KEY AUTOINCREMENT, nombre TEXT NOT NULL, precio REAL NOT NULL,
    descripcion TEXT, stock INTEGER, categoria TEXT, imagen_hash TEXT, imagen_ancho INTEGER, imagen_alto INTEGER,
    imagen_alt TEXT, activo INTEGER, creado_en TEXT)"""
PEER_ORDERS = """CREATE TABLE pedidos (id INTEGER PRIMARY KEY AUTOINCREMENT, usuario_id INTEGER NOT NULL,
    producto_id INTEGER NOT NULL, cantidad INTEGER NOT NULL, estado TEXT DEFAULT 'pendiente', nombre TEXT,
    precio_unitario REAL, total REAL, moneda TEXT, compra_id TEXT, creado_en TEXT, enviado_en TEXT, entregado_en TEXT,
    cancelado_en TEXT, version INTEGER DEFAULT 1, motivo TEXT)"""


def peer_product(product: Product) -> tuple[Any, ...]:
    picture = (product.imagen, 960, 720, product.imagen_alt)
    text = (product.id, product.nombre, product.precio / 100, product.descripcion, STOCK, product.categoria)
    return (*text, *picture, 1, iso(product.creado_en))


def peer_order(order: Order) -> tuple[Any, ...]:
    product = order.producto
    held = (product.nombre, product.precio / 100, product.precio * order.cantidad / 100, "MXN")
    asked = (order.id, order.usuario_id, product.id, order.cantidad, "pendiente")
    return (*asked, *held, None, iso(order.creado_en), None, None, None, 1, None)
