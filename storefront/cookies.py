"""Signed cookies. Over HTTPS their names begin with `__Host-`; plain HTTP is for loopback only."""

from flask import Flask, Response, current_app, g, request
from itsdangerous import BadSignature, Signer

from storefront.settings import is_loopback

EXTENSION = "pingui.signers"
NAMES = ("sesion", "carrito", "avisos", "vistos")
LONGEST = 4096


def is_secure() -> bool:
    """Whether the browser reached the shop over HTTPS: always, unless it named this very machine."""
    return not is_loopback(
        request.host.rsplit(":", 1)[0] if "]" not in request.host else request.host.split("]")[0]
    )


def cookie_name(name: str) -> str:
    return f"__Host-{name}" if is_secure() else name


def read(name: str) -> str:
    """The value of a signed cookie; empty where it is absent or not ours."""
    value = request.cookies.get(cookie_name(name), "")
    if not value or len(value) > LONGEST:
        return ""
    try:
        return signer(name).unsign(value).decode()
    except (BadSignature, UnicodeDecodeError):
        return ""


def write(name: str, value: str, seconds: int | None = None) -> None:
    """Sends a signed cookie with this answer; an empty value removes it. `seconds` None ends with the
    browser.
    """
    g.setdefault("cookies", {})[name] = (value, seconds)


def signer(purpose: str) -> Signer:
    signers: dict[str, Signer] = current_app.extensions[EXTENSION]
    return signers[purpose]


def init_cookies(app: Flask, secret: str) -> None:
    app.extensions[EXTENSION] = {
        name: Signer(secret, salt=f"pingui.{name}", digest_method="sha256", key_derivation="hmac")
        for name in (*NAMES, "compra")
    }

    @app.after_request
    def send(response: Response) -> Response:
        for name, (value, seconds) in g.get("cookies", {}).items():
            response.set_cookie(
                cookie_name(name),
                signer(name).sign(value).decode() if value else "",
                max_age=seconds if value else 0,
                path="/",
                secure=is_secure(),
                httponly=True,
                samesite="Lax",
            )
        return response
