"""What the accounts service takes and gives (contract.md sections 2 to 4)."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from services.common.text import EMAIL, ONE_LINE
from services.usuarios.model import LONGEST_EMAIL, LONGEST_NAME

HIGHEST = 2**63 - 1

Nombre = Annotated[
    str,
    Meta(
        min_length=1, max_length=LONGEST_NAME, pattern=ONE_LINE, description="un texto de 1 a 120 caracteres"
    ),
]
Email = Annotated[
    str, Meta(max_length=LONGEST_EMAIL, pattern=EMAIL, description="un correo como nombre@ejemplo.com")
]
Id = Annotated[int, Meta(ge=0, le=HIGHEST, description="un entero desde 0")]
Password = Annotated[str, Meta(min_length=8, max_length=128, description="un texto de 8 a 128 caracteres")]


class NuevaCuenta(Struct):
    nombre: Nombre
    email: Email
    password: Password


class Acceso(Struct):
    """Only the types are checked: accounts older than the bounds still sign in."""

    email: str
    password: str


class Cambios(Struct):
    """A new password needs the current one."""

    nombre: Nombre | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    password_actual: str | UnsetType = UNSET


class DeVarios(Struct):
    """Whose names: ``id`` once for each."""

    id: Annotated[list[Id], Meta(min_length=1, max_length=100, description="de 1 a 100 enteros desde 0")]


class Nombrado(Struct):
    """An account as others may know it."""

    id: int
    nombre: str


class TokenEmitido(Struct):
    token: str


class Perfil(Struct):
    """``token`` comes after a change of password, which ends every earlier token at this service."""

    id: int
    nombre: str
    email: str
    rol: str
    creado_en: str | None
    token: str | UnsetType = UNSET
