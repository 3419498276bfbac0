"""The rules of the catalogue, without HTTP or SQL."""

import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from services.common.tokens import Caller

ADMINISTRADOR, LECTOR = "administrador", "lector"
Estado = Literal["tomada", "rechazada", "cancelada"]
TOMADA: Literal["tomada"] = "tomada"
RECHAZADA: Literal["rechazada"] = "rechazada"
CANCELADA: Literal["cancelada"] = "cancelada"

LOWEST_PRICE, HIGHEST_PRICE = 1, 999_999_999  # cents
HIGHEST_STOCK = 1_000_000_000
SEARCH_WORDS = 8  # of one search; more would not narrow it
WORD_LENGTH = 100  # what of a word is searched for; PostgreSQL refuses words over 2 KB

# Why stock changed without a sale; the ledger's words.
INICIAL, AJUSTE, SIN_CUENTA = "inicial", "ajuste", "sin_cuenta"


@dataclass(frozen=True)
class Producto:
    """A product. ``precio`` is in cents, None where the original's text was no number (``precio_original``).

    ``stock`` None is not counted. ``version`` counts edits, not sales. ``creado_en`` is milliseconds UTC, None in old data.
    """

    id: int
    nombre: str
    precio: int | None
    precio_original: str | None
    descripcion: str
    stock: int | None
    categoria: str | None
    imagen: str | None
    imagen_ancho: int | None
    imagen_alto: int | None
    imagen_alt: str
    activo: int
    version: int
    creado_en: int | None


@dataclass(frozen=True)
class Reserva:
    """Stock held for an order. A tombstone (cancelled before it was ever taken) has no product.

    ``contada``: whether stock was taken for it, which it is not while a product's stock is not counted.
    """

    id: str
    estado: Estado
    producto_id: int | None
    cantidad: int | None
    nombre: str | None
    precio: int | None
    moneda: str | None
    contada: int


@dataclass(frozen=True)
class Search:
    """What of the catalogue is asked for. Prices in cents; ``activo`` None is listed and withdrawn products alike.

    ``words`` None is no search; an empty tuple is a search for what no product can have.
    """

    words: tuple[str, ...] | None
    beginning: str
    categoria: str | None
    precio_min: int | None
    precio_max: int | None
    disponibles: bool
    activo: bool | None
    orden: str
    limite: int
    offset: int


def may_add(caller: Caller, open_catalogue: bool) -> bool:
    """Administrators may; anybody but the reader where the catalogue is open, as in the original system."""
    return manages(caller) or (open_catalogue and caller.rol != LECTOR)


def manages(caller: Caller) -> bool:
    return caller.rol == ADMINISTRADOR


def orderable(activo: int, precio: int | None) -> bool:
    """Withdrawn products and those without a price that can be charged cannot be ordered."""
    return bool(activo) and precio is not None and precio >= LOWEST_PRICE


def exact_cents(amount: Decimal) -> int:
    """An amount as cents; raise ValueError where it has more than two decimals or is out of bounds."""
    if not Decimal("0.01") <= amount <= Decimal("9999999.99"):
        raise ValueError("the price is out of bounds")
    cents = amount * 100
    if cents != int(cents):
        raise ValueError("the price has more than two decimals")
    return int(cents)


def rounded_cents(amount: Decimal) -> int:
    """An amount of the original system as cents, half up (away from zero)."""
    return int((amount * 100).quantize(Decimal(1), ROUND_HALF_UP))


def amount(cents: int | None) -> float | None:
    """Cents as the number shown: exact to the cent for every price that a service may hold."""
    return None if cents is None else cents / 100


def fold(text: str) -> str:
    """``text`` as words to search in, a space between each two.

    No accents, no case, letters and digits only; a pictograph is a word of its own.
    """
    # Twice, as Unicode defines caseless matching: either step can make work for the other.
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(_plain(character) for character in text)
    return " ".join(word[:WORD_LENGTH] for word in plain.split())


def _plain(character: str) -> str:
    if character.isalnum():
        return character
    if unicodedata.combining(character):
        return ""
    return f" {character} " if unicodedata.category(character) == "So" else " "


def search_words(q: str) -> tuple[str, ...]:
    """The beginnings of words that a product must have, the longest first, without those that another one implies."""
    words: list[str] = []
    for word in sorted(set(fold(q).split()), key=lambda word: (-len(word), word)):
        if not any(longer.startswith(word) for longer in words):
            words.append(word)
    return tuple(words[:SEARCH_WORDS])
