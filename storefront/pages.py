"""Renders pages: what the shell needs to know, caching, compression and the pages for what goes wrong."""

import math
from typing import Any
from urllib.parse import quote

import brotli
from babel.dates import format_date
from flask import Flask, Response, current_app, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from storefront.cart import cart
from storefront.i18n import LANGUAGES, PREFIX, _, language, moment, ngettext
from storefront.logs import current_trace, log_failure
from storefront.money import format_cents, locale_for
from storefront.notices import keep_notices, take_notices
from storefront.reader import NobodyYetError
from storefront.security import own_origin
from storefront.service import RefusedError, ServiceError
from storefront.session import AdminsOnlyError, drop_session, sign_in_first, visitor
from storefront.store import StoreDownError

THEMES = ("", "clara", "oscura")
SMALLEST_COMPRESSED = 500
RETRY_SECONDS = "30"


def currency() -> str:
    return str(current_app.config["MONEDA"])


def money(cents: int, with_code: bool = False) -> str:
    return format_cents(cents, currency(), language(), with_code)


def theme() -> str:
    value = request.cookies.get("tema", "")
    return value if value in THEMES else ""


def alternates() -> list[dict[str, Any]]:
    """This page in each language."""
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    address = _quoted_path() + query if request.method == "GET" else "/"
    return [
        {
            "lang": code,
            "label": label,
            "href": (PREFIX if code == "en" else "") + address,
            "current": code == language(),
        }
        for code, label in LANGUAGES.items()
    ]


def _own_path() -> str:
    """Where this page is found again; empty where it answers a form."""
    return request.script_root + request.full_path.rstrip("?") if request.method == "GET" else ""


def _quoted_path() -> str:
    return quote(request.path, safe="/-_.~")


def shell(
    area: str, *, personal: bool, term: str = "", canonical: str = "", path: str = ""
) -> dict[str, Any]:
    """What templates/layout.html says it needs."""
    who = visitor()
    told = take_notices()
    locale = locale_for(currency(), language())
    return {
        "lang": locale.replace("_", "-") if language() == "es" else "en",
        "theme": theme(),
        "area": area,
        "signed_in": who.signed_in,
        "is_admin": who.claims is not None and who.claims.may_add_products,
        "cart_count": cart().count,
        "term": term,
        "notices": [one for one in told if not {"undo", "focus", "quiet"} & {*one, one["tone"]}],
        "undo": next((one for one in told if "undo" in one and "focus" not in one), None),
        "announcement": " ".join(str(one["text"]) for one in told),
        "personal": personal,
        "origin": own_origin(),
        "canonical": canonical,
        "alternates": alternates(),
        "path": path or _own_path() or f"{request.script_root}/",
    }


def render(
    template: str,
    area: str = "",
    status: int = 200,
    *,
    personal: bool = True,
    term: str = "",
    canonical: str = "",
    announcement: str = "",
    path: str = "",
    **context: Any,
) -> Response:
    """A page. `announcement` is for the live region, where no notice says it already. A personal one is
    never stored by the browser or anything between. `path` is where the page is found again, if not here.
    """
    known = shell(area, personal=personal, term=term, canonical=canonical, path=path)
    known["announcement"] = known["announcement"] or announcement
    body = render_template(template, shell=known, **context)
    response = make_response(body, status)
    if personal or visitor().signed_in or cart().count:
        response.headers["Cache-Control"] = "no-store"
    else:
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag(weak=True)
    return response


def unavailable(what: str, template: str = "error.html", **context: Any) -> Response:
    """The 503 page: what cannot be shown, and that trying again may help."""
    response = render(
        template,
        status=503,
        title=_("Ahora mismo no podemos mostrar %(esto)s", esto=what),
        text=_("Inténtalo en un momento. Tu carrito sigue aquí."),
        pose="sleeping",
        retry=_own_path(),
        **context,
    )
    response.headers["Retry-After"] = RETRY_SECONDS
    return response


def what_of(service: str) -> str:
    return {
        "productos": _("el catálogo"),
        "pedidos": _("los pedidos"),
        "usuarios": _("las cuentas"),
    }[service]


def wait_text(seconds: int) -> str:
    minutes = max(1, math.ceil(seconds / 60))
    return ngettext(
        "Demasiados intentos. Espera %(num)s minuto.", "Demasiados intentos. Espera %(num)s minutos.", minutes
    )


def error_page(status: int, title: str, text: str, pose: str = "search", **context: Any) -> Response:
    return render("error.html", status=status, title=title, text=text, pose=pose, **context)


def _service_failed(problem: ServiceError) -> ResponseReturnValue:
    """What a page does about a service when it has no better answer of its own."""
    if isinstance(problem, NobodyYetError):
        return _nobody_yet()
    if isinstance(problem, RefusedError):
        if problem.status == 401 and visitor().signed_in:
            drop_session()
            return sign_in_first()
        if problem.status == 403:
            return _http_failed_with(403)
        if problem.status == 404:
            return _http_failed_with(404)
        if problem.status == 429:
            return error_page(429, wait_text(problem.retry_after), "", "sleeping")
    return unavailable(what_of(problem.service))


def _store_down(_problem: StoreDownError) -> ResponseReturnValue:
    return unavailable(_("esta página"))


def _nobody_yet() -> Response:
    """A shop just installed without a reader account: its owner comes first, then guests can look around."""
    response = render(
        "error.html",
        status=503,
        title=_("Esta tienda está recién instalada"),
        text=_(
            "Crea la primera cuenta: es la que administra la tienda. Después cualquiera podrá ver el catálogo."
        ),
        pose="hero",
        way=(_("Crear cuenta"), url_for("cuenta.registro")),
    )
    response.headers["Retry-After"] = RETRY_SECONDS
    return response


def _admins_only(_problem: AdminsOnlyError) -> Response:
    return error_page(
        403,
        _("Esta sección es para administración"),
        _("Entra con la cuenta que administra la tienda. Tu carrito se queda contigo."),
        other_account=url_for("cuenta.entrar", siguiente=_own_path() or None),
    )


def _http_failed_with(status: int) -> Response:
    search = {"search_url": url_for("catalogo.productos")} if status == 404 else {}
    titles = {
        400: _("No entendimos esta petición"),
        403: _("No puedes hacer esto desde aquí"),
        404: _("No encontramos esta página"),
        405: _("Esta página no se usa así"),
        410: _("Este producto ya no se vende"),
        413: _("Lo que enviaste es demasiado grande"),
    }
    texts = {
        403: _("Si esto es de administración, entra con la cuenta que administra la tienda."),
        404: _(
            "Puede que la dirección tenga un error o que la página ya no exista. Prueba a buscar el producto."
        ),
        405: _("Vuelve al catálogo y empieza desde ahí."),
    }
    title = titles.get(status, titles[400] if status < 500 else _("Algo salió mal"))
    return error_page(
        status, title, texts.get(status, ""), "sleeping" if status >= 500 else "search", **search
    )


def _http_failed(problem: HTTPException) -> ResponseReturnValue:
    if problem.code is None or problem.code < 400:
        return problem.get_response()
    response = _http_failed_with(problem.code)
    allowed = getattr(problem, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _failed(problem: Exception) -> ResponseReturnValue:
    log_failure(problem)
    return error_page(
        500,
        _("Algo salió mal"),
        _("Ya quedó anotado. Si nos escribes, di este número: %(n)s", n=current_trace()[:8]),
        "sleeping",
    )


def _compress(response: Response) -> Response:
    if (
        response.direct_passthrough
        or response.content_encoding
        or response.mimetype not in ("text/html", "application/json")
        or not request.accept_encodings["br"]
        or (response.content_length or 0) < SMALLEST_COMPRESSED
    ):
        return response
    response.set_data(brotli.compress(response.get_data(), quality=4))
    response.content_encoding = "br"
    return response


def url(endpoint: str, **values: Any) -> str:
    return url_for(endpoint, **values)


def init_pages(app: Flask) -> None:
    app.jinja_env.globals.update(url=url, money=money, moment=lambda when: moment(when, currency()))
    app.jinja_env.filters["fecha"] = lambda when: format_date(
        when.astimezone(), "long", locale=locale_for(currency(), language())
    )
    app.register_error_handler(ServiceError, _service_failed)
    app.register_error_handler(StoreDownError, _store_down)
    app.register_error_handler(AdminsOnlyError, _admins_only)
    app.register_error_handler(HTTPException, _http_failed)
    app.register_error_handler(Exception, _failed)

    @app.after_request
    def finish(response: Response) -> Response:
        keep_notices()
        if response.mimetype == "text/html" or response.status_code in (302, 303):
            response.vary.update(("Cookie", "Accept-Encoding"))
            response.headers.setdefault("Cache-Control", "no-store")
        response = _compress(response)
        if response.get_etag()[0]:
            response.make_conditional(request)
        return response
