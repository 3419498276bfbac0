"""Reads the claims of a JWT without verifying it: the storefront holds no signing key, the services
verify.
"""

import base64
import binascii
import time
from dataclasses import dataclass
from typing import Any

import msgspec

# The shop lets go of a token a little before the services refuse it.
MARGIN_SECONDS = 10


@dataclass(frozen=True)
class Claims:
    """Who a token is for. `rol` and `email` are empty in tokens that carry only the three frozen claims."""

    usuario_id: int
    nombre: str
    exp: float
    rol: str = ""
    email: str = ""

    @property
    def live(self) -> bool:
        return time.time() < self.exp - MARGIN_SECONDS

    @property
    def is_admin(self) -> bool:
        """Whether this person may run the shop: said by `rol`, or by nobody where tokens carry none."""
        return self.rol == "administrador"

    @property
    def may_add_products(self) -> bool:
        return self.rol in ("administrador", "")


def read_claims(token: str) -> Claims | None:
    """The claims of `token`; None for what is no usable token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(payload)
    except (binascii.Error, ValueError):
        return None
    return _claims(claims) if isinstance(claims, dict) else None


def _claims(claims: dict[str, Any]) -> Claims | None:
    usuario_id, exp = claims.get("usuario_id"), claims.get("exp")
    if isinstance(usuario_id, bool) or not isinstance(usuario_id, int) or not isinstance(exp, int | float):
        return None
    nombre, rol, email = (claims.get(name) for name in ("nombre", "rol", "email"))
    return Claims(
        usuario_id,
        nombre if isinstance(nombre, str) else "",
        float(exp),
        rol if isinstance(rol, str) else "",
        email if isinstance(email, str) else "",
    )
