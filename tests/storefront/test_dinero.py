"""Money: read as people write it, written by locale, summed in cents."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.money import cents_of, format_cents, parse_price, plain_units


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("1299.90", 129990), ("1,299.90", 129990), ("1299,90", 129990), ("1.299,90", 129990), ("$1,299.90", 129990),
        ("1299", 129900), ("1,299", 129900), ("1.299", 129900), ("0.01", 1), ("12.5", 1250), ("12,5", 1250),
        (" 12 ", 1200), ("1 299,90", 129990), ("1,234,567.89", 123456789), ("9999999.99", 999999999), ("0", 0),
        ("", None), ("gratis", None), ("-5", None), ("1e3", None), ("12.999.5", None), ("1,2,3", None), ("12..5", None),
        ("٣", None), ("1.299.90", None), ("$", None), ("1,299,90", None),
    ],
)  # fmt: skip
def test_a_price_is_read_as_people_write_it(text: str, cents: int | None) -> None:
    assert parse_price(text) == cents


@given(st.integers(min_value=0, max_value=999_999_999))
def test_what_the_form_shows_is_read_back(cents: int) -> None:
    assert parse_price(plain_units(cents)) == cents
    assert parse_price(format_cents(cents, "MXN", "es")) == cents


@given(st.integers(min_value=0, max_value=999_999_999))
def test_the_number_of_the_wire_loses_no_cent(cents: int) -> None:
    assert cents_of(cents / 100) == cents
    assert cents_of(float(Decimal(cents) / 100)) == cents


@pytest.mark.parametrize("value", [None, True, "12", [], {}, float("nan"), float("inf")])
def test_what_is_no_number_is_no_price(value: object) -> None:
    assert cents_of(value) is None


@pytest.mark.parametrize(
    ("currency", "language", "with_code", "text"),
    [
        ("MXN", "es", False, "$1,299.90"),
        ("MXN", "es", True, "$1,299.90 MXN"),
        ("MXN", "en", False, "MX$1,299.90"),
        ("MXN", "en", True, "MX$1,299.90"),
        ("EUR", "es", True, "1.299,90\xa0€"),
        ("EUR", "en", False, "€1,299.90"),
        ("USD", "es", True, "$1,299.90 USD"),
        ("USD", "en", False, "$1,299.90"),
    ],
)
def test_money_is_written_by_locale(currency: str, language: str, with_code: bool, text: str) -> None:
    assert format_cents(129990, currency, language, with_code) == text
