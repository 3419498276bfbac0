"""Untrusted JSON: what is refused, what is kept to the letter, and what the refusal says."""

import json
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from services.common.json_input import DEPTH, InputError, convert, parse


class Cosa(Struct):
    nombre: Annotated[str, Meta(min_length=1, description="un nombre")]
    cantidad: Annotated[int, Meta(ge=1, le=10, description="un entero de 1 a 10")]
    nota: str | UnsetType = UNSET
    activo: bool | None = None


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"}", b"nul", b"[1,]", b"{'a':1}", b'{"a":1,}', b'{"a" 1}', b"{} {}", b"\xef\xbb\xbf{}",
        b'"\\x"', b'"\t"', b"01", b"+1", b".5", b"1.", b"0x1", b"NaN", b"[Infinity]", b'{"a":-Infinity}', b"\xff",
        b'"\xc3"', b'"\xed\xa0\x80"', "{}".encode("utf-16"), "{}".encode("utf-32"), b"9" * 5000, b"-" + b"9" * 5000,
        b'{"a":1,"a":2}', b'[{"b":{"a":1,"a":1}}]', b'{"\\u0061":1,"a":1}', b'"\\u0000"', b'{"\\u0000":1}',
        b'["\\ud800"]', b'{"a":"\\udc00\\ud800"}', nested(DEPTH + 1), nested(200_000), b"[" * 200_000,
        b'{"a":' * 200_000, b'{"a":' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1),
    ],
)  # fmt: skip
def test_what_is_no_good_json_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(InputError) as refused:
        parse(body)
    assert refused.value.error.startswith("El cuerpo")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' \r\n\t{"a":1}\n', {"a": 1}),
        (b"12.50", Decimal("12.50")),
        (b"1e2", Decimal("1e2")),
        (b"0.1", Decimal("0.1")),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        ('"ñ🐧"'.encode(), "ñ🐧"),
        (b'"\\ud83d\\udc27"', "🐧"),
        (b'{"a":{"x":1},"b":{"x":1}}', {"a": {"x": 1}, "b": {"x": 1}}),
        (nested(DEPTH), json.loads(nested(DEPTH))),
    ],
)
def test_good_json_is_kept_to_the_letter(body: bytes, value: Any) -> None:
    parsed = parse(body)
    assert parsed == value
    assert type(parsed) is type(value)


@settings(deadline=None, database=None)
@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    try:
        parse(body)
    except InputError:
        return


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None, database=None)
@given(values)
def test_what_json_can_say_comes_back_equal(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("given_value", "wrong"),
    [
        ({}, {"nombre", "cantidad"}),
        ({"nombre": "x"}, {"cantidad"}),
        ({"nombre": "", "cantidad": 1}, {"nombre"}),
        ({"nombre": 1, "cantidad": "1"}, {"nombre", "cantidad"}),
        ({"nombre": "x", "cantidad": True}, {"cantidad"}),
        ({"nombre": "x", "cantidad": 1.0}, {"cantidad"}),
        ({"nombre": "x", "cantidad": Decimal("1.0")}, {"cantidad"}),
        ({"nombre": "x", "cantidad": Decimal("1")}, {"cantidad"}),
        ({"nombre": "x", "cantidad": 0}, {"cantidad"}),
        ({"nombre": "x", "cantidad": 10**30}, {"cantidad"}),
        ({"nombre": "x", "cantidad": None}, {"cantidad"}),
        ({"nombre": "x", "cantidad": 1, "nota": None}, {"nota"}),
        ({"nombre": "x", "cantidad": 1, "activo": 1}, {"activo"}),
        ({"nombre": "x", "cantidad": 1, "activo": "true"}, {"activo"}),
    ],
)
def test_every_wrong_member_is_named(given_value: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(InputError) as refused:
        convert(given_value, Cosa)
    assert set(refused.value.details or {}) == wrong
    assert all(name in refused.value.error for name in wrong)


@pytest.mark.parametrize("value", [None, [], "x", 1, True, Decimal("1.5")])
def test_only_an_object_is_an_object(value: Any) -> None:
    with pytest.raises(InputError, match="objeto JSON"):
        convert(value, Cosa)


def test_a_refusal_says_what_a_member_must_be() -> None:
    with pytest.raises(InputError) as refused:
        convert({"nombre": "x", "cantidad": 11, "nota": 5, "activo": []}, Cosa)
    assert refused.value.details == {
        "cantidad": "Debe ser un entero de 1 a 10",
        "nota": "Debe ser un texto",
        "activo": "Debe ser true o false",
    }


def test_unknown_members_are_ignored() -> None:
    cosa = convert({"nombre": "x", "cantidad": 2, "id": 9, "__class__": "y"}, Cosa)
    assert msgspec.structs.asdict(cosa) == {"nombre": "x", "cantidad": 2, "nota": UNSET, "activo": None}
