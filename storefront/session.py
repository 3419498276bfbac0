"""Who the visitor is. The shopper's JWT lives in a signed, HttpOnly cookie and nowhere else in the browser.

The cookie is `sid~token`. Signing out writes the sid down as ended, so a copied cookie is worth nothing
afterwards; the token itself stays good at the services until it ends, at most JWT_EXPIRATION_HOURS later.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlencode

import msgspec
from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden

from storefront import cookies
from storefront.forms import AGAIN
from storefront.i18n import _
from storefront.notices import notify
from storefront.security import own_address
from storefront.store import Store, StoreDownError
from storefront.tokens import Claims, read_claims

STORE = "pingui.store"
LARGEST_KEPT = 16_000_000  # a form with a picture; the picture itself is not kept

Arguments = ParamSpec("Arguments")
View = Callable[Arguments, ResponseReturnValue]


@dataclass(frozen=True)
class Visitor:
    """A guest (no claims) or a signed-in person. `ended` has the claims of a session that was here and is over.

    `unchecked` is a session that may have ended, which nobody can tell now: it opens nothing, and is not over.
    """

    sid: str = ""
    token: str = ""
    claims: Claims | None = None
    ended: Claims | None = None
    unchecked: bool = False

    @property
    def signed_in(self) -> bool:
        return self.claims is not None

    @property
    def usuario_id(self) -> int:
        """The id of a signed-in person."""
        if self.claims is None:
            raise LookupError("a guest has no id")
        return self.claims.usuario_id


def visitor() -> Visitor:
    """The visitor of this request."""
    if "visitor" not in g:
        g.visitor = _read_visitor()
    return g.visitor  # type: ignore[no-any-return]


def store() -> Store:
    return current_app.extensions[STORE]  # type: ignore[no-any-return]


def _read_visitor() -> Visitor:
    sid, _separator, token = cookies.read("sesion").partition("~")
    claims = read_claims(token) if sid else None
    if claims is None:
        return Visitor()
    try:
        over = not claims.live or store().has_ended(sid)
    except StoreDownError:
        return Visitor(unchecked=True)
    if over:
        return Visitor(ended=claims)
    return Visitor(sid, token, claims)


def start_session(token: str) -> None:
    """Signs the owner of `token` in under a new sid; an earlier session of this browser ends."""
    claims = read_claims(token)
    if claims is None:
        raise ValueError("a token without claims")
    _end(visitor())
    store().see_somebody()
    sid = secrets.token_urlsafe(16)
    cookies.write("sesion", f"{sid}~{token}")
    g.visitor = Visitor(sid, token, claims)


def end_session() -> None:
    _end(visitor())
    cookies.write("sesion", "")
    g.visitor = Visitor()


def _end(session: Visitor) -> None:
    if session.unchecked:
        raise StoreDownError("a session whose end cannot be written down")
    if session.claims is not None:
        store().end_session(session.sid, session.claims.exp)


def drop_session() -> None:
    """Forgets a session that a service no longer takes."""
    ended = visitor().claims
    end_session()
    g.visitor = Visitor(ended=ended)


def sign_in_first(following: str = "") -> ResponseReturnValue:
    """To the sign-in page, and after it to `following` (default: the page asked for).

    htmx would follow a redirect and put the sign-in page into a part of this one, so it is told to leave
    the page. Who may be signed in already is not asked to sign in: that raises StoreDownError.
    """
    if visitor().unchecked:
        raise StoreDownError("a session that cannot be checked")
    following = following or _return_address()
    if visitor().ended:
        notify("warn", _("Tu sesión terminó. Entra otra vez; guardamos tus datos."))
        cookies.write("sesion", "")
    address = url_for("cuenta.entrar") + (f"?{urlencode({'siguiente': following})}" if following else "")
    if is_htmx():
        return Response(status=401, headers={"HX-Redirect": address})
    return redirect(address, 303)


def _return_address() -> str:
    """The page asked for. What was typed into a form is kept for when its page is opened again."""
    if request.method in ("GET", "HEAD"):
        return request.script_root + request.full_path.rstrip("?")
    here = own_address(request.script_root + request.path, "")
    if not here:
        return own_address(request.form.get("volver", ""), "")
    kept = _keep_form()
    return f"{here}?{urlencode({'borrador': kept})}" if kept else here


def _keep_form() -> str:
    """The name under which the form of this request is kept; empty where nothing may be."""
    ended = visitor().ended
    if ended is None:
        return ""
    request.max_content_length = LARGEST_KEPT
    typed = {
        name: value
        for name, value in request.form.items()
        if not name.startswith(("password", "clave")) and name != AGAIN
    }
    return store().keep_form(msgspec.json.encode(typed), ended.usuario_id) if typed else ""


def kept_form() -> dict[str, str] | None:
    """What this person typed before the session ended, if the address names it."""
    name = request.args.get("borrador", "")
    body = store().kept_form(name, visitor().usuario_id) if name else None
    if body is None:
        return None
    notify("info", _("Tu sesión terminó. Revisa y envía otra vez."))
    typed: dict[str, str] = msgspec.json.decode(body)
    return typed


def is_htmx() -> bool:
    return "HX-Request" in request.headers or "HX-History-Restore-Request" in request.headers


def members_only(view: View[Arguments]) -> View[Arguments]:
    """A view for signed-in people."""

    @wraps(view)
    def guarded(*arguments: Arguments.args, **named: Arguments.kwargs) -> ResponseReturnValue:
        return view(*arguments, **named) if visitor().signed_in else sign_in_first()

    return guarded


class AdminsOnlyError(Forbidden):
    """Somebody who does not run the shop asks for a page of its administration."""


def admins_only(view: View[Arguments]) -> View[Arguments]:
    """A view for those who run the shop; where tokens carry no role, the services decide."""

    @wraps(view)
    def guarded(*arguments: Arguments.args, **named: Arguments.kwargs) -> ResponseReturnValue:
        claims = visitor().claims
        if claims is None:
            return sign_in_first()
        if not claims.may_add_products:
            raise AdminsOnlyError
        return view(*arguments, **named)

    return guarded


def init_session(app: Flask, store: Store) -> None:
    app.extensions[STORE] = store
