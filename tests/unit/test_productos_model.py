"""The catalogue's rules without HTTP or SQL."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.settings import SettingsError
from services.common.tokens import Caller
from services.productos.model import (
    HIGHEST_PRICE,
    SEARCH_WORDS,
    amount,
    exact_cents,
    fold,
    may_add,
    orderable,
    rounded_cents,
    search_words,
)
from services.productos.settings import currency


def a_caller(rol: str) -> Caller:
    return Caller(usuario_id=2, rol=rol, issued=0)


@given(st.integers(1, HIGHEST_PRICE))
def test_every_price_goes_out_and_comes_in_as_the_same_cents(cents: int) -> None:
    shown = amount(cents)
    assert shown is not None
    assert exact_cents(Decimal(str(shown))) == cents
    assert rounded_cents(Decimal(str(shown))) == cents


@pytest.mark.parametrize(
    "text", ["0", "-1", "0.001", "0.009999", "9999999.991", "10000000", "1e400", "1e-400"]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="price"):
        exact_cents(Decimal(text))


@pytest.mark.parametrize(
    ("text", "cents"),
    [("0.005", 1), ("0.0049", 0), ("1.005", 101), ("2.675", 268), ("-0.005", -1), ("-1.004", -100)],
)
def test_old_prices_round_half_up(text: str, cents: int) -> None:
    assert rounded_cents(Decimal(text)) == cents


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Pingüino", "pinguino"),
        ("  TAZA,  Azul!! ", "taza azul"),
        ("Ｔａｚａ", "taza"),
        ("Straße", "strasse"),
        ("𝓐ͅΐ", "aιι"),
        ("100% algodón_50", "100 algodon 50"),
        ("niño/niña", "nino nina"),
        ("Taza🐧azul", "taza 🐧 azul"),
        ("שָׁלוֹם", "שלום"),
        ("'\";--%_*", ""),
        ("x" * 300, "x" * 100),
    ],
)
def test_words_are_folded(text: str, words: str) -> None:
    assert fold(text) == words


@given(st.text(max_size=100))
def test_folding_leaves_nothing_that_a_query_language_reads(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert folded == " ".join(folded.split())
    assert not set(folded) & set("\"'\\()*:^&|!<>-+{}%\x00\n\t")


@given(st.text(max_size=100))
def test_the_words_searched_for_are_few_and_none_implies_another(text: str) -> None:
    words = search_words(text)
    assert len(words) <= SEARCH_WORDS
    assert set(words) <= set(fold(text).split())
    for word in words:
        assert not any(other != word and other.startswith(word) for other in words)


@pytest.mark.parametrize(
    ("rol", "closed", "opened"),
    [
        ("administrador", True, True),
        ("cliente", False, True),
        ("", False, True),
        ("lector", False, False),
        ("Administrador", False, True),
    ],
)
def test_who_may_add(rol: str, closed: bool, opened: bool) -> None:
    assert may_add(a_caller(rol), open_catalogue=False) is closed
    assert may_add(a_caller(rol), open_catalogue=True) is opened


@pytest.mark.parametrize(
    ("activo", "precio", "sold"),
    [(1, 1, True), (0, 1, False), (1, None, False), (1, 0, False), (1, -5, False)],
)
def test_what_can_be_ordered(activo: int, precio: int | None, sold: bool) -> None:
    assert orderable(activo, precio) is sold


@pytest.mark.parametrize("code", ["MXN", "EUR", "USD"])
def test_currencies_with_two_decimals(code: str) -> None:
    assert currency(code) == code


@pytest.mark.parametrize("code", ["JPY", "CLP", "KWD", "XYZ", "mxn", "EURO", "€"])
def test_other_currencies_are_refused(code: str) -> None:
    with pytest.raises(SettingsError, match="MONEDA"):
        currency(code)
