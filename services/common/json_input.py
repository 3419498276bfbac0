"""Untrusted JSON into declared types: parsed once with duplicates, depth and odd numbers refused, then converted strictly."""

import json
from decimal import Decimal
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

DEPTH = 20
S = TypeVar("S", bound=msgspec.Struct)


class InputError(Exception):
    """The input is not what was declared: a Spanish sentence, and one for each wrong member."""

    def __init__(self, error: str, details: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.details = details


def parse(body: bytes) -> Any:
    """JSON in UTF-8 as Python values (fractions as Decimal); raise InputError.

    A member given twice, NaN, more than ``DEPTH`` levels, the character NUL and half a surrogate pair are refused.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_members,
            parse_float=Decimal,
            parse_constant=_no_constant,
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise InputError("El cuerpo no es JSON correcto") from None
    _check_depth(value)
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise InputError(f"El cuerpo tiene más de {DEPTH} niveles")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str) and not _storable(value):
        raise InputError("El cuerpo contiene caracteres que no son texto")
    return []


def _storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def convert(value: Any, declared: type[S], *, strict: bool = True) -> S:
    """``value`` as ``declared``; raise InputError naming every member that is missing or wrong."""
    if not isinstance(value, dict):
        raise InputError("Se espera un objeto JSON")
    try:
        return msgspec.convert(value, declared, strict=strict, dec_hook=_custom)
    except (msgspec.ValidationError, ValueError):
        raise _explained(value, declared, strict) from None


def _explained(value: dict[str, Any], declared: type[S], strict: bool) -> InputError:
    fields = msgspec.structs.fields(declared)
    missing = [field.encode_name for field in fields if field.required and field.encode_name not in value]
    if missing:
        return InputError(f"Faltan datos: {', '.join(missing)}", dict.fromkeys(missing, "Falta"))
    details = {}
    for field in fields:
        if field.encode_name in value:
            try:
                msgspec.convert(value[field.encode_name], field.type, strict=strict, dec_hook=_custom)
            except (msgspec.ValidationError, ValueError):
                details[field.encode_name] = f"Debe ser {_description(field.type)}"
    return InputError(f"Datos incorrectos: {', '.join(details)}", details)


def _custom(declared: Any, value: Any) -> Any:
    """Types of a service's own say how they are read: ``parse(value)`` raises ValueError."""
    return declared.parse(value)


def custom_schema(declared: Any) -> dict[str, Any]:
    """… and how they are written in OpenAPI: ``json_schema``."""
    schema: dict[str, Any] = declared.json_schema
    return schema


def _description(declared: Any) -> str:
    """What a member must be, in the words of its declaration (``Meta(description=…)``)."""
    if get_origin(declared) is Annotated:
        for meta in declared.__metadata__:
            if getattr(meta, "description", None):
                return str(meta.description)
        return _description(get_args(declared)[0])
    inner = [argument for argument in get_args(declared) if argument not in (type(None), msgspec.UnsetType)]
    if inner:
        return _description(inner[0])
    return {str: "un texto", int: "un entero", bool: "true o false"}.get(
        declared, "un valor del tipo declarado"
    )
