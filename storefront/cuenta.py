"""Accounts: register, sign in and out, the own data, and how the shop looks."""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from storefront import cookies
from storefront.forms import Form
from storefront.i18n import _
from storefront.notices import notify
from storefront.pages import THEMES, render, unavailable, wait_text
from storefront.security import own_address, visitor_address
from storefront.seen import forget_seen
from storefront.service import RefusedError, ServiceError, UnavailableError
from storefront.session import Visitor, end_session, members_only, start_session, visitor
from storefront.shop import shop

area = Blueprint("cuenta", __name__)

YEAR = 365 * 86400


def _following() -> str:
    """Where to go after signing in: a page of ours."""
    return own_address(request.values.get("siguiente", ""), url_for("catalogo.portada"))


def _asked() -> str:
    """The same as given, for the form to carry on; empty where there is none."""
    value = request.values.get("siguiente", "")
    return value if value and own_address(value, "") else ""


@area.get("/entrar")
def entrar() -> ResponseReturnValue:
    if visitor().signed_in:
        return redirect(url_for("cuenta.cuenta"), 303)
    return _form_page("login", Form({"email": request.args.get("email", "")[:254]}, prefix="entrar-"))


@area.get("/registro")
def registro() -> ResponseReturnValue:
    if visitor().signed_in:
        return redirect(url_for("cuenta.cuenta"), 303)
    return _form_page("register", Form({}))


def _form_page(kind: str, form: Form, status: int = 200, trouble: str = "") -> ResponseReturnValue:
    """The sign-in or register form, on its own page or within the checkout, where both stand."""
    template = {"login": "cuenta/entrar.html", "register": "cuenta/registro.html"}[kind]
    if request.form.get("desde") == "pagar":
        template = "pagar/cuenta.html"
    response = render(
        template,
        "cuenta",
        status,
        announcement=form.announcement,
        form=form,
        login=form if kind == "login" else None,
        register=form if kind == "register" else None,
        following=_asked(),
        trouble=trouble,
    )
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response


def _down_text() -> str:
    return _("Ahora mismo no podemos revisar las cuentas. Inténtalo en un momento. Tu carrito sigue aquí.")


@area.post("/entrar")
def iniciar() -> ResponseReturnValue:
    form = Form(request.form, prefix="entrar-")
    email = form.email() if "@" in form["email"] or not form["email"] else form["email"]
    password = form.password()
    if not form.valid:
        return _form_page("login", form, form.status)
    return _sign_in(form, "login", email, password)


def _sign_in(form: Form, kind: str, email: str, password: str) -> ResponseReturnValue:
    try:
        token = shop().services.usuarios.entrar(email, password, visitor_address())
        start_session(token)
    except RefusedError as refusal:
        if refusal.status == 429:
            return _form_page(kind, form, 429, wait_text(refusal.retry_after))
        if refusal.status == 503:
            return _form_page(kind, form, 503, _down_text())
        form.refuse("password", _("El correo o la contraseña no coinciden"))
        return _form_page(kind, form, 422)
    except (UnavailableError, ValueError):
        return _form_page(kind, form, 503, _down_text())
    return redirect(_following(), 303)


@area.post("/registro")
def registrar() -> ResponseReturnValue:
    form = Form(request.form, prefix="registro-")
    nombre, email, password = form.nombre(), form.email(), form.new_password()
    if not form.valid:
        return _form_page("register", form, form.status)
    try:
        shop().services.usuarios.registrar(nombre, email, password, visitor_address())
    except RefusedError as refusal:
        if refusal.status == 429:
            return _form_page("register", form, 429, wait_text(refusal.retry_after))
        if refusal.status == 503:
            return _form_page("register", form, 503, _down_text())
        return _existing_account(form, email, password)
    except UnavailableError:
        return _form_page("register", form, 503, _down_text())
    return _sign_in(form, "register", email, password)


def _existing_account(form: Form, email: str, password: str) -> ResponseReturnValue:
    """The e-mail is taken. Whoever knows its password meant to sign in, or sent the form twice."""
    try:
        token = shop().services.usuarios.entrar(email, password, visitor_address())
    except ServiceError:
        form.refuse("email", _("Ya hay una cuenta con este correo."))
        form.taken = True
        return _form_page("register", form, 422)
    start_session(token)
    return redirect(_following(), 303)


@area.post("/salir")
def salir() -> ResponseReturnValue:
    end_session()
    forget_seen()
    notify("ok", _("Cerraste tu sesión."))
    response = redirect(own_address(request.form.get("siguiente", ""), url_for("catalogo.portada")), 303)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@area.post("/apariencia")
def apariencia() -> ResponseReturnValue:
    """Light, dark or as the system says; a cookie, since it belongs to the browser and not to the person."""
    chosen = request.form.get("tema", "")
    response = redirect(own_address(request.form.get("siguiente", ""), url_for("catalogo.portada")), 303)
    if chosen in THEMES:
        response.set_cookie(
            "tema",
            chosen,
            max_age=YEAR if chosen else 0,
            secure=cookies.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response


@area.get("/cuenta")
@members_only
def cuenta() -> ResponseReturnValue:
    return _account_page()


def _account_page(
    name: Form | None = None, password: Form | None = None, status: int = 200
) -> ResponseReturnValue:
    claims = visitor().claims
    service = shop().services.usuarios
    nombre, email = (claims.nombre, claims.email) if claims else ("", "")
    changes = service.has_profile
    if changes:
        try:
            profile = service.perfil(visitor().token)
            nombre, email = str(profile.get("nombre") or nombre), str(profile.get("email") or email)
        except UnavailableError:
            changes = False
            notify("warn", _("Ahora mismo no podemos cambiar tus datos. Inténtalo en un momento."))
    sent = name or password or Form({})
    return render(
        "cuenta/cuenta.html",
        "cuenta",
        status,
        announcement=sent.announcement,
        nombre=nombre,
        email=email,
        name_form=name or Form({"nombre": nombre}),
        password_form=password or Form({}),
        sent=sent,
        changes=changes,
        can_delete=changes and service.can_delete,
    )


@area.post("/cuenta/nombre")
@members_only
def cambiar_nombre() -> ResponseReturnValue:
    form = Form(request.form)
    nombre = form.nombre()
    if not form.valid:
        return _account_page(name=form, status=form.status)
    shop().services.usuarios.cambiar_perfil(visitor().token, {"nombre": nombre}, visitor_address())
    notify("ok", _("Guardamos tu nombre."))
    return redirect(url_for("cuenta.cuenta"), 303)


@area.post("/cuenta/clave")
@members_only
def cambiar_clave() -> ResponseReturnValue:
    form = Form(request.form)
    current, password = form.password("password_actual"), form.new_password("password")
    who = visitor()
    changed = ""
    if form.valid:
        try:
            changed = shop().services.usuarios.cambiar_perfil(
                who.token, {"password": password, "password_actual": current}, visitor_address()
            )
        except RefusedError as refusal:
            if refusal.status in (401, 503):
                raise
            form.refuse("password_actual", _password_refusal(refusal))
    if not form.valid:
        return _account_page(password=form, status=form.status)
    return _after_password(who, changed, password)


def _password_refusal(refusal: RefusedError) -> str:
    if refusal.status == 429:
        return wait_text(refusal.retry_after)
    return _("Esta no es tu contraseña actual")


def _after_password(who: Visitor, token: str, password: str) -> ResponseReturnValue:
    """Every earlier session of the account ends; this browser goes on with a new one."""
    email = who.claims.email if who.claims else ""
    try:
        start_session(token or shop().services.usuarios.entrar(email, password))
    except (ServiceError, ValueError):
        end_session()
        notify("ok", _("Cambiamos tu contraseña. Entra con la nueva."))
        return redirect(url_for("cuenta.entrar"), 303)
    notify("ok", _("Cambiamos tu contraseña."))
    return redirect(url_for("cuenta.cuenta"), 303)


@area.get("/cuenta/borrar")
@members_only
def preguntar() -> ResponseReturnValue:
    if not shop().services.usuarios.can_delete:
        return unavailable(_("esta página"))
    return render("cuenta/borrar.html", "cuenta", form=Form({}))


@area.post("/cuenta/borrar")
@members_only
def borrar() -> ResponseReturnValue:
    form = Form(request.form)
    password = form.password()
    if form.valid:
        try:
            _delete(password)
        except RefusedError as refusal:
            form.refuse("password", _deletion_refusal(refusal))
    if not form.valid:
        return render("cuenta/borrar.html", "cuenta", form.status, announcement=form.announcement, form=form)
    end_session()
    notify("ok", _("Borramos tu cuenta."))
    return redirect(url_for("catalogo.portada"), 303)


def _delete(password: str) -> None:
    """Deletes the account of whoever still knows its password: a session left open is not enough."""
    usuarios, who = shop().services.usuarios, visitor()
    usuarios.entrar(who.claims.email if who.claims else "", password, visitor_address())
    usuarios.borrar_perfil(who.token)


def _deletion_refusal(refusal: RefusedError) -> str:
    if refusal.status == 503:
        raise refusal
    if refusal.status == 409:
        return _("Eres la única persona que administra la tienda; no puedes borrar tu cuenta.")
    return _password_refusal(refusal)
