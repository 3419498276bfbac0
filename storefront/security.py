"""Who may ask, from where, and what a browser may do with the answer (reliability.md P35 to P42)."""

import re
import uuid
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask, Response, abort, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from storefront import cookies
from storefront.i18n import PREFIX, Wsgi
from storefront.settings import LOOPBACK, is_loopback

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PATH = re.compile(r"/[A-Za-z0-9/_\-.~%?=&+:,]*")
PORT = re.compile(r":\d{1,5}$")
POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "font", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}
HSTS = "max-age=63072000; includeSubDomains"


class FixedHeaders:
    """WSGI middleware that adds the same headers to every answer that has no better ones."""

    def __init__(self, application: Wsgi) -> None:
        self._application = application
        self._headers = list(HEADERS.items())

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            present = {name for name, _value in headers}
            added = [header for header in self._headers if header[0] not in present]
            return start_response(status, headers + added, *failure)

        return self._application(environ, start)


def visitor_address() -> str:
    """Who is behind this request: the peer, or whom a proxy of ours names last."""
    peer = request.remote_addr or ""
    if peer not in current_app.config["PROXIES"]:
        return peer
    named = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
    try:
        return str(ip_address(named))
    except ValueError:
        return peer


def own_origin() -> str:
    """Scheme and host of the shop as the browser sees it; the host was checked against those allowed."""
    return f"{'https' if cookies.is_secure() else 'http'}://{request.host}"


def own_address(value: str, otherwise: str) -> str:
    """`value` if it is the address of a page of this shop, else `otherwise`. Never another site's.

    It is matched by the shop's own router: what no page answers to, in whatever disguise, is nobody's
    address.
    """
    if not OWN_PATH.fullmatch(value):
        return otherwise
    parts = urlsplit(value)
    path = parts.path.removeprefix(PREFIX) if parts.path.startswith(f"{PREFIX}/") else parts.path
    if parts.scheme or parts.netloc or "//" in unquote(path):
        return otherwise
    try:
        current_app.url_map.bind("").match(unquote(path), method="GET")
    except (HTTPException, RequestRedirect):
        return otherwise
    return value


def _check_host(hosts: frozenset[str]) -> None:
    name = PORT.sub("", request.host).lower()
    if name not in hosts:
        abort(400)


def _check_origin() -> None:
    """Refuses a write that another site's page sent. Both the header and, without it, the origin must be
    ours.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            abort(403)
        return
    origin = request.headers.get("Origin")
    if origin is None:
        if request.cookies.get(cookies.cookie_name("sesion")):
            abort(403)
        return
    if origin != own_origin():
        abort(403)


def init_security(app: Flask, host: str, hosts: frozenset[str]) -> None:
    """Refuses foreign hosts and foreign writes before anything else is looked at, and adds the headers."""
    allowed = hosts | ({*LOOPBACK, "[::1]"} if is_loopback(host) else frozenset())

    @app.before_request
    def check() -> None:
        _check_host(allowed)
        _check_origin()

    @app.after_request
    def protect(response: Response) -> Response:
        if cookies.is_secure():
            response.headers["Strict-Transport-Security"] = HSTS
        return response


def new_key() -> str:
    """A key that nobody can guess, for one intention of one person."""
    return str(uuid.uuid4())
