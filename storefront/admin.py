"""Running the shop: the products, their form, their stock and their pictures."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from storefront.catalogo import price_text, product_url
from storefront.forms import Form, shown_price
from storefront.i18n import _, language, ngettext
from storefront.notices import notify
from storefront.pages import currency, render
from storefront.pictures import Picture, keep, read_picture, unreadable_text
from storefront.security import new_key, own_address
from storefront.service import RefusedError, ServiceError, UnavailableError
from storefront.session import admins_only, kept_form, store, visitor
from storefront.shelf import Query
from storefront.shop import shop
from storefront.wire import Producto

area = Blueprint("admin", __name__, url_prefix="/admin")

PAGE_SIZE = 50
LOW_STOCK = 5
LARGEST_UPLOAD = 16_000_000
LONGEST_DESCRIPTION = 10_000
LONGEST_CATEGORY = 60
LONGEST_ALT = 300
LARGEST_ID = 2**53


@area.get("/productos")
@admins_only
def productos() -> ResponseReturnValue:
    q = " ".join(request.args.get("q", "").split())[:100]
    low = request.args.get("stock") == "bajo"
    withdrawn = request.args.get("ver") == "retirados" and shop().services.productos.lists_withdrawn
    text = request.args.get("pagina", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    warning = ""
    if withdrawn:
        shown, total, counts_stock, whole = _withdrawn()
    else:
        query = Query(q=q, orden="nombre", pagina=number, stock_max=LOW_STOCK if low else None)
        copy = shop().shelf.find(query, PAGE_SIZE, visitor().token)
        found, warning = copy.value, stale_list_text(copy.minutes_old)
        shown, total, counts_stock, whole = found.productos, found.total, found.counts_stock, found.whole
    pages = max(1, -(-total // PAGE_SIZE))
    if number > pages:
        return redirect(_list_url(q, low, pages), 302)
    service = shop().services.productos
    return render(
        "admin/productos.html",
        "admin",
        productos=shown,
        total=total,
        q=q,
        low=low,
        withdrawn=withdrawn,
        counts_stock=counts_stock,
        whole=whole,
        warning=warning,
        page=number,
        pages=pages,
        page_url=lambda page: _list_url(q, low, page),
        can_edit=service.can_edit,
        columns=[
            (_("Imagen"), "picture"),
            (_("Producto"), ""),
            (_("Precio"), "number"),
            *([(_("Existencias"), ""), (_("Situación"), "")] if counts_stock else []),
        ],
        product_url=product_url,
        lists_withdrawn=service.lists_withdrawn,
        price_text=price_text,
        sections=sections("productos"),
    )


def stale_list_text(minutes: int | None) -> str:
    """How old the list is, empty while it is as good as fresh."""
    if minutes is None:
        return ""
    if minutes == 0:
        return _("El catálogo no contesta. Esta lista es de hace menos de un minuto.")
    return ngettext(
        "El catálogo no contesta. Esta lista es de hace %(num)s minuto.",
        "El catálogo no contesta. Esta lista es de hace %(num)s minutos.",
        minutes,
    )


def _withdrawn() -> tuple[tuple[Producto, ...], int, bool, bool]:
    listing = shop().services.productos.listar(visitor().token, {"activo": "false", "limite": str(PAGE_SIZE)})
    shown = listing.productos if listing else ()
    return shown, len(shown), True, True


def _list_url(q: str, low: bool, page: int) -> str:
    values: dict[str, Any] = {"q": q, "stock": "bajo" if low else "", "pagina": page if page > 1 else ""}
    return url_for("admin.productos", **{name: value for name, value in values.items() if value})


def sections(current: str) -> list[dict[str, Any]]:
    """The parts of the administration that the services behind it offer."""
    parts = [("productos", _("Productos"), url_for("admin.productos"))]
    if shop().services.pedidos.lists_all:
        parts.append(("pedidos", _("Pedidos"), url_for("tablero.ver")))
    parts.append(("operaciones", _("Operaciones"), url_for("estado.operaciones")))
    return [{"href": href, "label": label, "current": name == current} for name, label, href in parts]


@dataclass(frozen=True)
class Editing:
    """What the product form is about: a new product, or `producto` as of the version `etag`."""

    producto: Producto | None = None
    etag: str = ""
    key: str = ""


@area.get("/productos/nuevo")
@admins_only
def nuevo() -> ResponseReturnValue:
    return _form_page(Editing(key=new_key()), Form(kept_form() or {}))


def _form_page(
    editing: Editing,
    form: Form,
    status: int = 200,
    picture: Picture | None = None,
    conflicts: list[tuple[str, str, str]] | None = None,
    trouble: str = "",
) -> ResponseReturnValue:
    service = shop().services.productos
    response = render(
        "admin/producto.html",
        "admin",
        status,
        announcement=form.announcement,
        editing=editing,
        form=form,
        picture=picture,
        conflicts=conflicts or [],
        precio_hint=_("En %(moneda)s. Por ejemplo 1299.90", moneda=currency()),
        trouble=trouble,
        takes=service.takes,
        takes_pictures=service.takes_pictures,
        describes_pictures=service.describes_pictures,
        can_withdraw=service.can_withdraw,
        categorias=_categories(),
        product_url=product_url,
        sections=sections("productos"),
    )
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response


def _categories() -> tuple[str, ...]:
    try:
        return shop().shelf.find(Query(), 1, visitor().token).value.categorias
    except ServiceError:
        return ()


def _read_fields(form: Form) -> dict[str, Any]:
    """The members of the product as the form has them; errors go to the form."""
    service = shop().services.productos
    fields: dict[str, Any] = {"nombre": form.nombre(empty=_("Escribe el nombre del producto"))}
    fields["precio"] = form.precio(currency(), language())
    fields["descripcion"] = form.text("descripcion", LONGEST_DESCRIPTION)
    if service.takes("stock"):
        fields["stock"] = form.stock()
    if service.takes("categoria"):
        fields["categoria"] = form.text("categoria", LONGEST_CATEGORY) or None
    form.text("imagen_alt", LONGEST_ALT)
    return fields


def _on_the_wire(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value / 100 if name == "precio" else value for name, value in fields.items()}


@area.post("/productos/nuevo")
@admins_only
def crear() -> ResponseReturnValue:
    request.max_content_length = LARGEST_UPLOAD
    form = Form(request.form)
    fields = _read_fields(form)
    picture = read_picture(form)
    editing = Editing(key=form["clave"] or new_key())
    if not form.valid:
        return _form_page(editing, form, form.status, keep(picture, form))
    service = shop().services.productos
    first = store().use_key(editing.key)
    if not first and not service.repeats:
        notify("info", _("Este producto ya estaba agregado."))
        return redirect(url_for("admin.productos"), 303)
    try:
        number = service.crear(visitor().token, _on_the_wire(fields), editing.key)
    except RefusedError as refusal:
        store().free_key(editing.key)
        return _refused(refusal, editing, form, picture)
    except UnavailableError as problem:
        if not problem.sent:
            store().free_key(editing.key)
        return _form_page(editing, form, 503, keep(picture, form), trouble=_trouble(problem.sent))
    shop().shelf.forget()
    added = _("Agregaste %(nombre)s.", nombre=fields["nombre"])
    if number is None:
        notify("ok", added)
        return redirect(url_for("admin.productos"), 303)
    notify("ok", added, [(_("Editar"), url_for("admin.editar", producto_id=number))])
    return _with_picture(number, picture, form["imagen_alt"])


def _trouble(sent: bool) -> str:
    if sent:
        return _("No sabemos si se guardó. Mira la lista antes de intentarlo otra vez.")
    return _("Ahora mismo no podemos guardar. No se cambió nada; inténtalo en un momento.")


def _refused(
    refusal: RefusedError, editing: Editing, form: Form, picture: Picture | None
) -> ResponseReturnValue:
    """The service's own rules, where they are stricter than the form's."""
    if refusal.status in (401, 403):
        raise refusal
    kept = keep(picture, form)
    if refusal.status == 503:
        return _form_page(editing, form, 503, kept, trouble=_trouble(False))
    form.refuse(
        "", _("La tienda no aceptó estos datos. Revisa los caracteres del nombre y de la descripción.")
    )
    return _form_page(editing, form, 422, kept)


def _with_picture(number: int, picture: Picture | None, alt: str) -> ResponseReturnValue:
    """Sends the picture after the product is saved; if it is refused the product stays, and the form says
    so.
    """
    service = shop().services.productos
    there = redirect(url_for("admin.editar", producto_id=number), 303)
    try:
        if picture is not None and service.takes_pictures:
            service.subir_imagen(number, visitor().token, picture.content, picture.content_type)
            if alt and service.describes_pictures:
                _change(number, {"imagen_alt": alt})
    except RefusedError as refusal:
        if refusal.status in (401, 403):
            raise
        notify("warn", unreadable_text())
        return there
    except UnavailableError:
        notify("warn", _("El producto se guardó, pero la imagen no. Súbela otra vez en un momento."))
        return there
    finally:
        shop().shelf.forget()
    return redirect(url_for("admin.productos"), 303)


def _change(number: int, fields: dict[str, Any]) -> None:
    service = shop().services.productos
    found = service.uno(number, visitor().token)
    if found is not None:
        service.cambiar(number, visitor().token, fields, found[1])


def _find(producto_id: int) -> tuple[Producto, str]:
    service = shop().services.productos
    if producto_id > LARGEST_ID or not service.service.require(service.can_edit):
        abort(404)
    found = service.uno(producto_id, visitor().token)
    if found is None:
        abort(404)
    return found


@area.get("/productos/<int:producto_id>")
@admins_only
def editar(producto_id: int) -> ResponseReturnValue:
    producto, etag = _find(producto_id)
    typed = kept_form()
    if typed is not None:
        return _form_page(Editing(producto, typed.get("version", "")), Form(typed))
    return _form_page(Editing(producto, etag), Form(_as_typed(producto)))


def _as_typed(producto: Producto) -> dict[str, str]:
    """The product as the form would hold it."""
    return {
        "nombre": producto.nombre,
        "precio": shown_price(producto.precio),
        "descripcion": producto.descripcion,
        "stock": "" if producto.stock is None else str(producto.stock),
        "categoria": producto.categoria,
        "imagen_alt": producto.imagen.alt if producto.imagen else "",
        "visible": "1" if producto.activo else "",
        "stock_visto": "" if producto.stock is None else str(producto.stock),
    }


@area.post("/productos/<int:producto_id>")
@admins_only
def guardar(producto_id: int) -> ResponseReturnValue:
    request.max_content_length = LARGEST_UPLOAD
    form = Form(request.form)
    fields = _read_fields(form)
    picture = read_picture(form)
    try:
        producto, etag = _find(producto_id)
    except UnavailableError:
        unknown = Editing(Producto(producto_id, form["nombre"], None), form["version"])
        return _form_page(unknown, form, 503, keep(picture, form), trouble=_trouble(False))
    seen = Editing(producto, form["version"])
    if not form.valid:
        return _form_page(seen, form, form.status, keep(picture, form))
    if form["version"] != etag:
        return _conflict(producto, etag, form, picture)
    changes = _changes(producto, fields, form)
    try:
        if changes:
            shop().services.productos.cambiar(producto_id, visitor().token, _on_the_wire(changes), etag)
    except RefusedError as refusal:
        if refusal.status == 412:
            producto, etag = _find(producto_id)
            return _conflict(producto, etag, form, picture)
        return _refused(refusal, seen, form, picture)
    except UnavailableError as problem:
        return _form_page(seen, form, 503, keep(picture, form), trouble=_trouble(problem.sent))
    notify("ok", _("Guardamos %(nombre)s.", nombre=fields["nombre"]))
    shop().shelf.forget()
    return _with_picture(producto_id, picture, form["imagen_alt"])


def _changes(producto: Producto, fields: dict[str, Any], form: Form) -> dict[str, Any]:
    """Only what was changed in the form: a stock sent back unread would undo the sales made meanwhile."""
    before = {
        "nombre": producto.nombre,
        "precio": producto.precio,
        "descripcion": producto.descripcion,
        "categoria": producto.categoria or None,
    }
    changes = {name: fields[name] for name in before if name in fields and fields[name] != before[name]}
    if "stock" in fields and form["stock"] != form["stock_visto"]:
        changes["stock"] = fields["stock"]
    if (form["visible"] == "1") != producto.activo and shop().services.productos.can_withdraw:
        changes["activo"] = form["visible"] == "1"
    alt = producto.imagen.alt if producto.imagen else ""
    if producto.imagen and shop().services.productos.describes_pictures and form["imagen_alt"] != alt:
        changes["imagen_alt"] = form["imagen_alt"]
    return changes


def _conflict(producto: Producto, etag: str, form: Form, picture: Picture | None) -> ResponseReturnValue:
    """Somebody else saved meanwhile: both values of each field that differs, and the typed ones stay."""
    names = {
        "nombre": _("Nombre"),
        "precio": _("Precio"),
        "stock": _("Existencias"),
        "categoria": _("Categoría"),
        "descripcion": _("Descripción"),
        "imagen_alt": _("Texto alternativo"),
    }
    now = _as_typed(producto)
    conflicts = [
        (label, form[name][:200], now[name][:200])
        for name, label in names.items()
        if name in request.form and form[name].replace("\r\n", "\n") != now[name]
    ]
    kept = keep(picture, form)
    return _form_page(Editing(producto, etag), form, 409, kept, conflicts)


@area.post("/productos/<int:producto_id>/stock")
@admins_only
def cambiar_stock(producto_id: int) -> ResponseReturnValue:
    """The number in a row of the list. It is refused when sales changed it since it was shown."""
    producto, etag = _find(producto_id)
    form = Form(request.form)
    stock = form.stock()
    if not form.valid:
        notify("bad", f"{producto.nombre}: {form.error('stock')}")
    elif form["stock_visto"] != ("" if producto.stock is None else str(producto.stock)):
        text = _("%(nombre)s: mientras tanto las existencias cambiaron a %(n)s. Revisa el número.")
        notify("warn", text % {"nombre": producto.nombre, "n": producto.stock})
    else:
        shop().services.productos.cambiar(producto_id, visitor().token, {"stock": stock}, etag)
        shop().shelf.forget()
        shown = _("sin contar") if stock is None else stock
        notify("ok", _("%(nombre)s: existencias %(n)s.", nombre=producto.nombre, n=shown))
    return redirect(own_address(request.form.get("volver", ""), url_for("admin.productos")), 303)


@area.get("/productos/<int:producto_id>/retirar")
@admins_only
def preguntar(producto_id: int) -> ResponseReturnValue:
    producto, etag = _find(producto_id)
    return render("admin/retirar.html", "admin", producto=producto, etag=etag, sections=sections("productos"))


@area.post("/productos/<int:producto_id>/retirar")
@admins_only
def retirar(producto_id: int) -> ResponseReturnValue:
    producto, etag = _find(producto_id)
    if request.form.get("version") != etag:
        notify("warn", _("Otra persona cambió este producto. Míralo otra vez antes de retirarlo."))
        return redirect(url_for("admin.editar", producto_id=producto_id), 303)
    shop().services.productos.retirar(producto_id, visitor().token, etag)
    shop().shelf.forget()
    notify("ok", _("Retiraste %(nombre)s de la tienda.", nombre=producto.nombre))
    return redirect(url_for("admin.productos"), 303)


@area.get("/estilos")
def estilos() -> ResponseReturnValue:
    """Every component in every state; only while the shop is being made."""
    if not current_app.debug:
        abort(404)
    return render("admin/estilos.html", "admin")
