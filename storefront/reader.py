"""The account that guests browse through: a plain account of the users service, registered by the frozen
calls.
"""

import threading

from storefront.services import RefusedError, UnavailableError, Usuarios
from storefront.tokens import Claims, read_claims

NAME = "Lector de la tienda"


class Reader:
    """Signs the reader account in when needed and keeps its token until it ends."""

    def __init__(self, usuarios: Usuarios, email: str, password: str) -> None:
        self._usuarios = usuarios
        self._email = email
        self._password = password
        self._lock = threading.Lock()
        self._token = ""
        self._claims: Claims | None = None

    def token(self) -> str:
        """A token of the reader account. Raises ServiceError."""
        with self._lock:
            if self._claims is None or not self._claims.live:
                self._token, self._claims = self._sign_in()
            return self._token

    def forget(self, token: str) -> None:
        """Gives up `token`, which a service no longer takes."""
        with self._lock:
            if token == self._token:
                self._claims = None

    def _sign_in(self) -> tuple[str, Claims]:
        try:
            token = self._usuarios.entrar(self._email, self._password)
        except RefusedError as refusal:
            if refusal.status != 401:
                raise
            self._usuarios.registrar(NAME, self._email, self._password)
            token = self._usuarios.entrar(self._email, self._password)
        claims = read_claims(token)
        if claims is None or not claims.live:
            raise UnavailableError("usuarios", "answered an unusable token", sent=True)
        if claims.is_admin:
            raise UnavailableError("usuarios", "made the reader account an administrator", sent=True)
        return token, claims
