"""The rules of accounts, without HTTP or SQL."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

ADMINISTRADOR, CLIENTE, LECTOR = "administrador", "cliente", "lector"
READER_ID = 0
LONGEST_NAME, LONGEST_EMAIL = 120, 254


@dataclass(frozen=True)
class Usuario:
    """An account. ``password`` is an argon2id hash; moments are milliseconds UTC, ``creado_en`` None in old data."""

    id: int
    nombre: str
    email: str
    password: str
    rol: str
    creado_en: int | None
    valido_desde: int

    def claims(self) -> dict[str, Any]:
        """What a token says of the person; never ``aud``, which old verifiers refuse.

        Names of the original data may be longer than today's bounds: a token must still fit into a header.
        """
        nombre, email = self.nombre[:LONGEST_NAME], self.email[:LONGEST_EMAIL]
        return {"usuario_id": self.id, "nombre": nombre, "rol": self.rol, "email": email}

    def accepts(self, issued: float) -> bool:
        """Whether a token issued at ``issued`` (seconds) is still good here: a new password ends the earlier ones."""
        return round(issued * 1000) >= self.valido_desde


def fold(email: str) -> str:
    """E-mails are matched without regard to case."""
    return email.casefold()


def role_of_new_account(email: str, first: bool, admin_emails: frozenset[str]) -> str:
    """The first account administers the shop; ADMIN_EMAILS names more. Stored once, never computed again."""
    return ADMINISTRADOR if first or fold(email) in admin_emails else CLIENTE


def account_key(secret: str, email: str) -> str:
    """An e-mail as it may stand in counters and logs: a keyed hash."""
    return hmac.new(secret.encode(), fold(email).encode(), hashlib.sha256).hexdigest()[:32]
