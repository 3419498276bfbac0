"""Lists: whole and fresh, searched, filtered, ordered, paged, counted (contract.md section 4, productos)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.catalogues import (
    ADMIN,
    CLIENT,
    READER,
    BaseUrl,
    add,
    catalogue,
    edit,
    names,
    unbalanced,
    version,
)
from tests.shop import Service, Shop

# Names as wide as a shop may have; each with its category, price and stock.
TORTURE: list[tuple[str, str | None, float, int | None]] = [
    ("Taza Pingüino", "Cocina", 229, 5),
    ("Tetera", "Cocina", 1149.5, 0),
    ("taza azul", "Cocina", 0.01, None),
    ("Árbol de tazas", "Hogar", 9_999_999.99, 1),
    ("x", None, 10, None),
    ("W" * 120, None, 20, 999),
    ("🐧", "Juego", 30, 1),
    ("👩‍👩‍👧 familia", "Juego", 30, 1),
    ("שלום כוס", "Juego", 30, None),
    ('<b>negrita</b> & "comillas" \'; --', None, 40, 2),
    ("100% algodón_50", "Abrigo", 50, 3),
    ("Ｔａｚａ ancha", "Cocina", 60, 4),
]
LONG = "palabra " * 1_249 + "aguja"  # 9 997 characters


@pytest.fixture(scope="module")
def torture(base_url: BaseUrl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with catalogue(tmp_path_factory.mktemp("torture"), base_url) as productos:
        for nombre, categoria, precio, stock in TORTURE:
            add(productos, nombre, precio, categoria=categoria, stock=stock, descripcion="De la colonia.")
        add(productos, "Manta", 70, descripcion=LONG, categoria="Hogar")
        add(productos, "Retirada", 80, categoria="Retirados", stock=1)
        productos.delete("/productos/14", ADMIN, headers={"If-Match": "*"})
        yield productos


def ask(productos: Service, token: str = CLIENT, **query: Any) -> requests.Response:
    answer = productos.get("/productos", token, params=query)
    assert answer.status_code == 200, answer.text
    return answer


def found(productos: Service, token: str = CLIENT, **query: Any) -> list[str]:
    return names(ask(productos, token, **query).json())


# The whole list


def test_the_whole_list_is_by_id_and_without_what_was_withdrawn(torture: Service) -> None:
    answer = ask(torture, READER)
    assert names(answer.json()) == [row[0] for row in TORTURE] + ["Manta"]
    assert [each["id"] for each in answer.json()] == list(range(1, 14))
    assert list(answer.json()[0])[:4] == ["id", "nombre", "precio", "descripcion"]
    assert answer.headers["X-Total-Count"] == "13"
    assert answer.headers["Content-Type"] == "application/json"
    assert " " not in answer.text.replace("De la colonia.", "").split('"nombre"')[0]


def test_parameters_of_others_leave_the_list_whole(torture: Service) -> None:
    assert ask(torture, utm_source="x", Q="taza").content == ask(torture).content


@pytest.mark.parametrize("query", [{}, {"q": "taza"}, {"orden": "precio"}, {"limite": 5}])
def test_a_list_that_the_caller_has_is_304(torture: Service, query: dict[str, Any]) -> None:
    first = ask(torture, **query)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    for header in (tag, f"W/{tag}", f'"x", {tag}'):
        answer = torture.get("/productos", CLIENT, params=query, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    other = torture.get("/productos", CLIENT, params=query, headers={"If-None-Match": '"x"'})
    assert other.content == first.content
    assert torture.get("/productos", params=query, headers={"If-None-Match": tag}).status_code == 401


def test_a_write_by_another_process_is_in_the_next_read(torture: Service) -> None:
    """Whatever writes: here the database is written without the service."""
    before = ask(torture)
    torture.sql("UPDATE productos SET precio = 12345 WHERE nombre = 'x'")
    after = ask(torture)
    assert {each["nombre"]: each["precio"] for each in after.json()}["x"] == 123.45
    assert after.headers["ETag"] != before.headers["ETag"]
    torture.sql("UPDATE productos SET precio = 1000 WHERE nombre = 'x'")
    assert ask(torture).content == before.content


def test_two_services_on_one_database_see_each_others_writes(postgresql: Any, tmp_path: Path) -> None:
    database = postgresql.new_database("two_catalogues")
    shops = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shops.append(Shop(tmp_path / name, database))
    one, two = (shop.productos for shop in shops)
    try:
        one.start()
        two.start()
        product = add(one, precio=1)
        for price in range(2, 30):
            writer, reader = (one, two) if price % 2 else (two, one)
            edit(writer, product, precio=price)
            assert [each["precio"] for each in ask(reader).json()] == [price]
    finally:
        for shop in shops:
            shop.stop()


def test_lost_connections_are_made_again(postgresql: Any, tmp_path: Path) -> None:
    shop = Shop(tmp_path, postgresql.new_database("lost_connections"))
    try:
        shop.productos.start()
        product = add(shop.productos, precio=1)
        for price in (2, 3):
            assert len(ask(shop.productos).json()) == 1
            ended = shop.productos.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'pingui productos'"
            )
            assert ended
            assert [each["precio"] for each in ask(shop.productos).json()] == [price - 1]
            edit(shop.productos, product, precio=price)
    finally:
        shop.stop()


# Search


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("pinguino", {"Taza Pingüino"}),
        ("PINGÜINO", {"Taza Pingüino"}),
        ("ping", {"Taza Pingüino"}),
        ("inguino", set()),
        ("taza", {"Taza Pingüino", "taza azul", "Árbol de tazas", "Ｔａｚａ ancha"}),
        ("taz azu", {"taza azul"}),
        ("azul taza", {"taza azul"}),
        ("cocina te", {"Tetera"}),
        ("arbol", {"Árbol de tazas"}),
        ("aguja", {"Manta"}),
        ("🐧", {"🐧"}),
        ("שלום", {"שלום כוס"}),
        ("negrita", {'<b>negrita</b> & "comillas" \'; --'}),
        ("100%", {"100% algodón_50"}),
        ("algodon 50", {"100% algodón_50"}),
        ("w" * 100, {"W" * 120}),
        ("nada", set()),
        ("retirada", set()),
        ("%", set()),
        ("...", set()),
    ],
)
def test_search_finds_words_by_their_beginnings(torture: Service, q: str, expected: set[str]) -> None:
    answer = ask(torture, q=q)
    assert set(names(answer.json())) == expected
    assert answer.headers["X-Total-Count"] == str(len(expected))


@pytest.mark.parametrize(
    "q",
    [
        '"', "'", "\\", "*", "%", "_", "(", ")", "a*", 'a" OR "b', "NEAR(a b)", "nombre_plegado : a", "-a", "^a",
        "a AND", "NOT a", "a:*", "a & b", "a | !b", "'a':*", "<->", "; DROP TABLE productos", "{{7*7}}", "${x}",
        "\u202e", "\ud7ff", "\uffff", "🐧" * 100, "a " * 50, "x" * 100, "\r\n\t", "ﷺ" * 100, "ß", "İ", "ǆ", "²³",
        " ".join("abcdefghijklmnopqrstuvwxyz") * 2,
    ],
)  # fmt: skip
def test_no_search_of_a_hundred_characters_is_an_error(torture: Service, q: str) -> None:
    ask(torture, q=q[:100])
    ask(torture, q=q[:100], orden="precio", categoria=q[:60])


@pytest.mark.parametrize("q", ["", " ", "\t "])
def test_an_empty_search_is_none(torture: Service, q: str) -> None:
    assert len(found(torture, q=q, limite=100)) == 13


def test_relevance_puts_names_that_begin_so_first_then_names_then_the_rest(torture: Service) -> None:
    expected = ["Ｔａｚａ ancha", "taza azul", "Taza Pingüino", "Árbol de tazas"]
    assert found(torture, q="taza") == expected
    assert found(torture, q="taza", orden="relevancia") == expected
    assert found(torture, q="hogar") == ["Árbol de tazas", "Manta"]


def test_an_edit_and_a_withdrawal_are_searched_at_once(base_url: BaseUrl, tmp_path: Path) -> None:
    with catalogue(tmp_path, base_url) as productos:
        product = add(productos, "Gorro", descripcion="de lana")
        assert found(productos, q="lana") == ["Gorro"]
        edit(productos, product, descripcion="de algodón", categoria="Abrigo")
        assert (found(productos, q="lana"), found(productos, q="algodon abrigo")) == ([], ["Gorro"])
        edit(productos, product, nombre="Boina")
        assert (found(productos, q="gorro"), found(productos, q="boi")) == ([], ["Boina"])
        productos.delete(f"/productos/{product}", ADMIN, headers=version(productos, product))
        assert found(productos, q="boina") == []
        edit(productos, product, activo=True)
        assert found(productos, q="boina") == ["Boina"]


# Filters and orders


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"categoria": "Hogar"}, ["Árbol de tazas", "Manta"]),
        ({"categoria": "hogar"}, []),
        ({"precio_min": "229", "precio_max": "1149.50"}, ["Taza Pingüino", "Tetera"]),
        ({"precio_min": "9999999.99"}, ["Árbol de tazas"]),
        ({"precio_max": "0.01"}, ["taza azul"]),
        ({"precio_max": "0"}, []),
        ({"precio_min": "5", "precio_max": "4"}, []),
        ({"categoria": "Cocina", "disponibles": "true"}, ["Taza Pingüino", "taza azul", "Ｔａｚａ ancha"]),
        ({"q": "te", "disponibles": "true"}, []),
        ({"q": "taza", "categoria": "Cocina", "precio_min": "1", "orden": "precio"}, ["Ｔａｚａ ancha", "Taza Pingüino"]),
        ({"categoria": "Cocina", "orden": "nombre"}, ["Ｔａｚａ ancha", "taza azul", "Taza Pingüino", "Tetera"]),
        ({"categoria": "Cocina", "orden": "precio"}, ["taza azul", "Ｔａｚａ ancha", "Taza Pingüino", "Tetera"]),
        ({"categoria": "Cocina", "orden": "-precio"}, ["Tetera", "Taza Pingüino", "Ｔａｚａ ancha", "taza azul"]),
        ({"categoria": "Cocina", "orden": "recientes"}, ["Ｔａｚａ ancha", "taza azul", "Tetera", "Taza Pingüino"]),
        ({"categoria": "Retirados"}, []),
        ({"orden": "nombre", "limite": "2"}, ["100% algodón_50", "Árbol de tazas"]),
    ],
)  # fmt: skip
def test_filters_and_orders(torture: Service, query: dict[str, str], expected: list[str]) -> None:
    assert found(torture, **query) == expected


def test_administrators_also_see_what_was_withdrawn(torture: Service) -> None:
    assert found(torture, ADMIN, activo="false") == ["Retirada"]
    assert found(torture, ADMIN, activo="todos", q="retirada") == ["Retirada"]
    assert len(found(torture, ADMIN, activo="todos")) == 14
    assert len(found(torture, ADMIN, activo="true")) == 13
    for token in (CLIENT, READER):
        answer = torture.get("/productos", token, params={"activo": "false"})
        assert (answer.status_code, "error" in answer.json()) == (403, True)


@pytest.mark.parametrize(
    "query",
    [
        "limite=0", "limite=501", "limite=1.5", "limite=x", "limite=", "pagina=0", "pagina=-1", "pagina=x",
        "pagina=10000000", "precio_min=x", "precio_min=1.999", "precio_min=-1", "precio_max=1e400", "precio_max=NaN",
        "orden=id", "orden=", "disponibles=quizá", "activo=quizá", "q=" + "x" * 101, "q=%00", "q=a&q=b",
        "categoria=" + "x" * 61,
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_400(torture: Service, query: str) -> None:
    answer = torture.get(f"/productos?{query}", ADMIN)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json()["error"]


# Pages


@pytest.mark.parametrize("query", [{}, {"orden": "nombre"}, {"orden": "-precio"}, {"q": "colonia"}])
def test_following_the_links_gives_each_product_once(torture: Service, query: dict[str, Any]) -> None:
    everything = found(torture, **query, limite=500)
    answer = ask(torture, **query, limite=5)
    pages = [answer]
    while "next" in answer.links:
        url = answer.links["next"]["url"]
        assert url.startswith("/productos?")
        answer = torture.get(url, CLIENT)
        assert answer.links["prev"]["url"].endswith(f"pagina={len(pages)}")
        pages.append(answer)
    assert [len(page.json()) for page in pages] == ([5, 5, 3] if "q" not in query else [5, 5, 2])
    assert [name for page in pages for name in names(page.json())] == everything
    assert {page.headers["X-Total-Count"] for page in pages} == {str(len(everything))}


def test_a_page_past_the_end_is_empty(torture: Service) -> None:
    answer = ask(torture, pagina=1_000_000, limite=500)
    assert (answer.json(), "next" in answer.links) == ([], False)


@pytest.mark.parametrize("size", [0, 1, 24, 25])
def test_catalogues_of_every_size(base_url: BaseUrl, tmp_path: Path, size: int) -> None:
    with catalogue(tmp_path, base_url) as productos:
        for number in range(size):
            add(productos, f"Taza {number:02}", categoria="Cocina")
        assert len(ask(productos).json()) == size
        page = ask(productos, limite=24, orden="nombre")
        assert names(page.json()) == [f"Taza {number:02}" for number in range(min(size, 24))]
        assert page.headers["X-Total-Count"] == str(size)
        assert ("next" in page.links) == (size > 24)
        assert len(found(productos, q="taza", limite=24, pagina=2)) == max(0, size - 24)
        counted = [{"categoria": "Cocina", "productos": size}] if size else []
        assert productos.get("/categorias", CLIENT).json() == counted


# Categories


def test_categories_are_counted_without_what_was_withdrawn(torture: Service) -> None:
    answer = torture.get("/categorias", READER)
    assert answer.json() == [
        {"categoria": "Abrigo", "productos": 1},
        {"categoria": "Cocina", "productos": 4},
        {"categoria": "Hogar", "productos": 2},
        {"categoria": "Juego", "productos": 3},
    ]
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert torture.get("/categorias", READER, headers=tag).status_code == 304
    edit(torture, 14, activo=True)
    assert torture.get("/categorias", READER, headers=tag).json()[-1] == {
        "categoria": "Retirados",
        "productos": 1,
    }
    edit(torture, 14, activo=False)


# The demo catalogue


def test_the_demo_fills_an_empty_catalogue_once(base_url: BaseUrl, tmp_path: Path) -> None:
    with catalogue(tmp_path, base_url, DEMO="true") as productos:
        products = ask(productos).json()
        assert len(products) >= 20
        assert len(productos.get("/categorias", CLIENT).json()) == 5
        assert found(productos, q="pinguino")
        assert sum(product["stock"] is not None for product in products) >= 20
        assert unbalanced(productos) == []
        for product in products:
            picture = product["imagen"]
            assert picture["alt"]
            answer = productos.get(f"/imagenes/{picture['hash']}-480.webp")
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp")
        edit(productos, 1, nombre="Mía")
        productos.stop()
        productos.start()
        assert names(ask(productos).json()) == ["Mía", *names(products[1:])]


def test_the_demo_leaves_a_catalogue_with_products_alone(base_url: BaseUrl, tmp_path: Path) -> None:
    with catalogue(tmp_path, base_url) as productos:
        product = add(productos, "Mía")
        productos.delete(f"/productos/{product}", ADMIN, headers={"If-Match": "*"})
        productos.stop()
        productos.environment["DEMO"] = "true"
        productos.start()
        assert ask(productos).json() == []
