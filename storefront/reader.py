"""The account that guests browse through: a plain account of the users service, registered by the frozen
calls.
"""

import threading
from collections.abc import Callable

from storefront.service import RefusedError, ServiceError, UnavailableError
from storefront.services import Usuarios
from storefront.tokens import Claims, read_claims

NAME = "Lector de la tienda"


class NobodyYetError(ServiceError):
    """The reader account may not be registered yet, because the first account of a shop becomes its owner's."""


class Reader:
    """Signs the reader account in when needed and keeps its token until it ends.

    An account that the users service was not told of would be taken for a person's: `may_register` says when
    somebody else was first.
    """

    def __init__(
        self, usuarios: Usuarios, email: str, password: str, may_register: Callable[[], bool] = lambda: True
    ) -> None:
        self._usuarios = usuarios
        self._may_register = may_register
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
            if not self._may_register():
                raise NobodyYetError("usuarios", "has no account yet") from None
            self._usuarios.registrar(NAME, self._email, self._password)
            token = self._usuarios.entrar(self._email, self._password)
        claims = read_claims(token)
        if claims is None or not claims.live:
            raise UnavailableError("usuarios", "answered an unusable token", sent=True)
        if claims.is_admin:
            raise UnavailableError("usuarios", "made the reader account an administrator", sent=True)
        return token, claims
