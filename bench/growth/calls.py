"""The calls that are compared, and what each may take."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench import data
from bench.findings import Target, most

ADMINISTRATOR, SHOPPERS = 1, range(2, 34)  # numbers of accounts
Path = Callable[[int, data.Size], str]


@dataclass(frozen=True)
class Call:
    """One kind of call. ``path`` makes the address of the n-th; ``by`` says who asks; ``flat`` calls are compared with
    the same call in the small shop, the others with a number of milliseconds.
    """

    name: str
    program: Literal["productos", "pedidos", "storefront"]
    path: Path
    target: Target
    flat: bool
    by: Literal["shopper", "administrator"] = "shopper"


def shopper(number: int) -> int:
    return SHOPPERS[number % len(SHOPPERS)]


def a_product(number: int, size: data.Size) -> str:
    return f"/productos/{1 + number * 7_919 % size.products}"


def own_orders(number: int, _size: data.Size) -> str:
    return f"/pedidos/usuario/{shopper(number)}?limite=20&pagina=1"


def always(path: str) -> Path:
    return lambda _number, _size: path


FLAT, QUICK = most(1.5), most(50)  # times the small shop's; milliseconds

CALLS = (
    Call("product", "productos", a_product, FLAT, True),
    Call("newest page", "productos", always("/productos?orden=recientes&limite=24"), FLAT, True),
    Call("list of orders", "pedidos", own_orders, FLAT, True),
    Call("board", "pedidos", always("/pedidos?limite=50"), FLAT, True, "administrator"),
    Call("page: product", "storefront", a_product, FLAT, True),
    Call("page: catalogue", "storefront", always("/productos"), FLAT, True),
    Call("page: orders", "storefront", always("/pedidos"), FLAT, True),
    Call("page: board", "storefront", always("/admin/pedidos"), FLAT, True, "administrator"),
    *(
        Call(name, "productos", always(f"/productos?{query}&limite=24"), QUICK, False)
        for name, query in {
            "search": "q=emperador",
            "search, two words": "q=taza+azul",
            "search, cheapest first": "q=taza&orden=precio",
            "search of one letter": "q=t",
            "category by name": "categoria=Ropa&orden=nombre",
            "prices": "precio_min=100&precio_max=200",
            "prices, cheapest first": "precio_min=100&orden=precio",
            "all filters": "q=taza&categoria=Hogar&precio_max=900&disponibles=1&orden=-precio",
            "page 100 of all by name": "orden=nombre&pagina=100",
        }.items()
    ),
    Call("categories with counts", "productos", always("/categorias"), QUICK, False),
    Call("board, one state", "pedidos", always("/pedidos?estado=pendiente"), QUICK, False, "administrator"),
    Call("board, search", "pedidos", always("/pedidos?q=bufanda"), QUICK, False, "administrator"),
)
