"""JSON Web Tokens: HS256 only, `exp` required, keys that rotate; a service's credential is never a person's token."""

import hashlib
import hmac
import math
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt

LEEWAY = 30  # seconds a clock may be wrong
CREDENTIAL_SECONDS = 60
HIGHEST_ID = 2**63 - 1


class TokenError(Exception):
    """The token is absent, forged, expired or of the wrong kind."""


@dataclass(frozen=True)
class Caller:
    """The person whose token came with the request. ``rol`` is "" in a token of the original services."""

    usuario_id: int
    rol: str
    issued: float


@dataclass(frozen=True)
class ServiceCaller:
    """Another service of the shop, known by its credential."""


class Tokens:
    """Signs and verifies. ``previous`` secrets still verify, so that a rotation signs nobody out."""

    def __init__(self, secret: str, previous: tuple[str, ...] = ()) -> None:
        self._person_key = secret.encode()
        self._person_keys = tuple(text.encode() for text in (secret, *previous))
        self._service_keys = tuple(_service_key(key) for key in self._person_keys)
        self._kid = hashlib.sha256(self._person_key).hexdigest()[:12]
        self._verified = lru_cache(maxsize=8192)(self._verify)

    def issue(self, claims: dict[str, Any], hours: int) -> str:
        """A person's token, valid for ``hours``; claims as contract.md section 2 names them."""
        # Issued to the millisecond, so that a change of password ends what was issued in the same second.
        now = time.time_ns() // 1_000_000 / 1000
        payload = {**claims, "iat": now, "exp": int(now) + hours * 3600, "jti": str(uuid.uuid4())}
        return jwt.encode(payload, self._person_key, algorithm="HS256", headers={"kid": self._kid})

    def credential(self) -> str:
        """A service credential: no person in it, signed with a key derived from the secret."""
        now = int(time.time())
        payload = {"rol": "servicio", "iat": now, "exp": now + CREDENTIAL_SECONDS}
        return jwt.encode(payload, self._service_keys[0], algorithm="HS256")

    def caller(self, authorization: str | None) -> Caller:
        """The person in an Authorization header; raise TokenError."""
        claims = self._claims(authorization, self._person_keys)
        usuario_id = claims.get("usuario_id")
        if type(usuario_id) is not int or not 0 <= usuario_id <= HIGHEST_ID:
            raise TokenError
        rol, issued = claims.get("rol"), claims.get("iat")
        return Caller(
            usuario_id=usuario_id,
            rol=rol if isinstance(rol, str) else "",
            issued=issued if isinstance(issued, int | float) else 0,
        )

    def service(self, authorization: str | None) -> ServiceCaller:
        """The service in an Authorization header; raise TokenError."""
        claims = self._claims(authorization, self._service_keys)
        too_long = claims["exp"] > time.time() + CREDENTIAL_SECONDS + LEEWAY
        if claims.get("rol") != "servicio" or "usuario_id" in claims or too_long:
            raise TokenError
        return ServiceCaller()

    def _claims(self, authorization: str | None, keys: tuple[bytes, ...]) -> dict[str, Any]:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenError
        claims = self._verified(token, keys)
        expires = claims["exp"]
        # Python's JSON knows NaN and infinity, which are no moments.
        if type(expires) not in (int, float) or not time.time() - LEEWAY < expires < math.inf:
            raise TokenError
        return claims

    @staticmethod
    def _verify(token: str, keys: tuple[bytes, ...]) -> dict[str, Any]:
        """The claims of a token whose signature is good; `exp` is left to the caller, so this may be remembered."""
        options: Any = {"require": ["exp"], "verify_exp": False, "verify_sub": False}
        for key in keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token, key, algorithms=["HS256"], options=options, leeway=LEEWAY
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
                raise TokenError from None
            return claims
        raise TokenError


def _service_key(secret: bytes) -> bytes:
    return hmac.new(secret, b"pingui service credential", hashlib.sha256).digest()
