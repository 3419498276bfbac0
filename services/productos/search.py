"""Finds a page of products: by words, filters and order, in small and large catalogues alike.

What matches is counted first, up to a limit. Fewer are sorted; of more, the order's index is walked until the page is full:
neither way reads the rows of the whole catalogue. The planners know too little of word beginnings to choose by themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    cast,
    column,
    func,
    literal_column,
    not_,
    or_,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from services.productos import store
from services.productos.model import LOWEST_PRICE, Producto, Search
from services.productos.tables import productos

# Up to so many matches are sorted; walking costs least on SQLite, whose indexes hold all that is filtered by.
SORTED = {"sqlite": 1_000, "postgresql": 5_000}
BROAD = 5_000  # matches of words, from which SQLite looks at products first and at words second
LAST_CHARACTER = "\U0010ffff"

Condition = ColumnElement[bool]

# SQLite's index of words; the column of the table's own name stands for all its columns in MATCH.
busqueda = table("productos_busqueda", column("rowid"), column("productos_busqueda"))


@dataclass(frozen=True)
class Found:
    """A page of products; whether more follow; how many there are in all, exact up to 1 000 at least."""

    productos: list[Producto]
    more: bool
    total: int


def find(connection: Connection, search: Search) -> Found:
    if search.words == ():
        return Found([], False, 0)
    if connection.dialect.name == "sqlite":
        return _page(connection, search, SqliteQuery(connection, search))
    return _page(connection, search, Query(connection, search))


def _page(connection: Connection, search: Search, query: "Query") -> Found:
    everything = Part(query, search.orden, query.words())
    parts = [everything]
    if search.orden == "relevancia" and search.words and not everything.small:
        parts = list(_by_relevance(query))
    wanted = search.limite + 1
    ids: list[int] = []
    offset = search.offset
    for part in parts:
        found = part.ids(wanted - len(ids), offset)
        ids += found
        if len(ids) == wanted:
            break
        offset = 0 if found or not offset else max(0, offset - part.size())
    return Found(_rows(connection, ids[: search.limite]), len(ids) == wanted, everything.counted)


def _by_relevance(query: "Query") -> Iterator["Part"]:
    """The order of relevance where too many match to be sorted, as parts that can be walked one after another."""
    begins = query.begins()
    in_name = query.words(names_only=True)
    anywhere = query.words()
    yield Part(query, "nombre", Words(productos, begins, begins))
    yield Part(query, "nombre", in_name.but_not(begins))
    yield Part(query, "nombre", anywhere.but_not(in_name.test), walk=True)


@dataclass(frozen=True)
class Words:
    """How products with some words are found: enumerated from ``source`` by ``condition``, or tested one by one."""

    source: FromClause
    condition: Condition
    test: Condition

    def but_not(self, other: Condition) -> "Words":
        return Words(self.source, and_(self.condition, not_(other)), and_(self.test, not_(other)))


ANY_WORDS = Words(productos, true(), true())


class Query:
    """What is searched, in the words of PostgreSQL."""

    def __init__(self, connection: Connection, search: Search) -> None:
        self.connection = connection
        self.search = search

    def words(self, *, names_only: bool = False) -> Words:
        """Words are folded: they hold nothing that a query language would read as its own."""
        if self.search.words is None:
            return ANY_WORDS
        expression = cast(" & ".join(f"'{word}':*" for word in self.search.words), TSQUERY)
        test = column("nombre_palabras" if names_only else "palabras").op("@@", is_comparison=True)(
            expression
        )
        return Words(productos, test, test)

    def begins(self) -> Condition:
        """Whether the name begins with what is searched for."""
        name, beginning = productos.c.nombre_plegado, self.search.beginning
        return and_(name >= beginning, name < beginning + LAST_CHARACTER)

    def filters(self, *, walking: bool) -> Iterator[Condition]:
        search = self.search
        column = self._walked_column if walking else productos.c.__getitem__
        if search.activo is not None:
            yield column("activo") == int(search.activo)
        if search.categoria is not None:
            yield column("categoria") == search.categoria
        if search.precio_min is not None:
            yield column("precio") >= search.precio_min
        if search.precio_max is not None:
            yield column("precio") <= search.precio_max
        if search.disponibles:
            yield column("precio") >= LOWEST_PRICE
            yield or_(column("stock").is_(None), column("stock") > 0)

    def _walked_column(self, name: str) -> ColumnElement[Any]:
        return productos.c[name]


class SqliteQuery(Query):
    """… and in the words of SQLite, where a plus before a column keeps its indexes out of the plan."""

    def words(self, *, names_only: bool = False) -> Words:
        if self.search.words is None:
            return ANY_WORDS
        every = " AND ".join(f'"{word}"*' for word in self.search.words)
        match = busqueda.c.productos_busqueda.match(f"nombre_plegado : ({every})" if names_only else every)
        matching = select(busqueda.c.rowid).where(match)
        test = productos.c.id.in_(matching)
        if self._filtered and self._broad(matching):
            return Words(productos, self._walked_column("id").in_(matching), test)
        found_row = literal_column("+productos_busqueda.rowid", productos.c.id.type)
        return Words(productos.join(busqueda, productos.c.id == found_row), match, test)

    @property
    def _filtered(self) -> bool:
        search = self.search
        given = (search.categoria, search.precio_min, search.precio_max, search.disponibles or None)
        return any(value is not None for value in given) or search.activo is False

    def _broad(self, matching: Select[Any]) -> bool:
        few = matching.limit(BROAD + 1).subquery()
        matches: int = self.connection.execute(select(func.count()).select_from(few)).scalar_one()
        return matches > BROAD

    def _walked_column(self, name: str) -> ColumnElement[Any]:
        return literal_column(f"+productos.{name}", productos.c[name].type)


class Part:
    """The products with ``words`` that pass the query's filters, in one order."""

    def __init__(self, query: Query, orden: str, words: Words, *, walk: bool = False) -> None:
        self._query = query
        self._connection = query.connection
        self._orden = orden
        self._words = words
        self._walk = walk
        self._sorted_up_to = SORTED[query.connection.dialect.name]

    @property
    def small(self) -> bool:
        return self.counted <= self._sorted_up_to

    @cached_property
    def counted(self) -> int:
        return self._count(self._sorted_up_to + 1)

    def ids(self, limit: int, offset: int) -> list[int]:
        statement = self._walked() if self._walk or not self.small else self._sorted()
        return list(self._connection.execute(statement.limit(limit).offset(offset)).scalars())

    def size(self) -> int:
        """How many there are; what lies deep in a large catalogue is counted only when it is asked for."""
        return self.counted if self.small else self._count(None)

    def _count(self, most: int | None) -> int:
        matching = self._matching(productos.c.id).limit(most).subquery()
        counted: int = self._connection.execute(select(func.count()).select_from(matching)).scalar_one()
        return counted

    def _matching(self, *columns: ColumnElement[Any]) -> Select[Any]:
        statement = (
            select(*columns).select_from(self._words.source).where(*self._query.filters(walking=False))
        )
        return statement if self._words.condition is None else statement.where(self._words.condition)

    def _sorted(self) -> Select[Any]:
        columns = [productos.c.id, productos.c.nombre_plegado, productos.c.precio, self._rank().label("rank")]
        matching = self._matching(*columns).cte("matching").prefix_with("MATERIALIZED")
        return select(matching.c.id).order_by(matching.c.rank, *_order(self._orden, matching.c))

    def _rank(self) -> ColumnElement[int]:
        """By relevance: names that begin with what is searched, then names that have it, then the others."""
        if self._orden != "relevancia" or not self._query.search.words:
            return literal_column("0")
        in_name = self._query.words(names_only=True).test
        return case((self._query.begins(), 0), (in_name, 1), else_=2)

    def _walked(self) -> Select[Any]:
        statement = select(productos.c.id).where(*self._query.filters(walking=True), self._words.test)
        return statement.order_by(*_order(self._orden, productos.c))


def _order(orden: str, columns: Any) -> list[ColumnElement[Any]]:
    """What has no price comes last either way; ties by id."""
    orders = {
        "nombre": [columns.nombre_plegado, columns.id],
        "relevancia": [columns.nombre_plegado, columns.id],
        "precio": [columns.precio.asc().nulls_last(), columns.id],
        "-precio": [columns.precio.desc().nulls_last(), columns.id.desc()],
        "recientes": [columns.id.desc()],
    }
    return orders.get(orden, [columns.id])


def _rows(connection: Connection, ids: list[int]) -> list[Producto]:
    rows = connection.execute(store.products().where(productos.c.id.in_(ids)))
    found = {row.id: Producto(*row) for row in rows}
    return [found[producto_id] for producto_id in ids]
