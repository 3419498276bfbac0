"""Every page and state of the shop, for the checks that hold on all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.e2e.running import Running
from tests.shop import Person

LONG = "Superpingüinonavegadordelosmareshelados" * 3
VECTOR = '<b>Taza</b> "comillas" 🐧 العربية'


@dataclass(frozen=True)
class Stop:
    """A page to look at: its name, its address, what to do there first, and who visits it."""

    name: str
    path: str
    do: Callable[[Page], None] = lambda _page: None
    who: str = "guest"
    status: int = 200


def furnish(shop: Running, shopper: Person) -> dict[str, int]:
    """Products and orders of every kind; their numbers by name."""
    services = shop.services
    numbers = {
        "taza": services.a_producto(nombre="Taza de muestra", precio=299, stock=40, categoria="Cocina"),
        "largo": services.a_producto(
            nombre=LONG[:120], precio=9_999_999.99, stock=1, descripcion="y" * 10_000
        ),
        "raro": services.a_producto(nombre=VECTOR, precio=0.01, descripcion=VECTOR),
        "agotado": services.a_producto(nombre="Taza sin existencias", stock=0),
        "retirado": services.a_producto(nombre="Taza retirada"),
    }
    version = services.productos.get(f"/productos/{numbers['retirado']}", services.admin.token).headers[
        "ETag"
    ]
    services.productos.delete(
        f"/productos/{numbers['retirado']}", services.admin.token, headers={"If-Match": version}
    )
    for name in ("taza", "largo"):
        order = services.a_pedido(shopper, numbers[name])
        numbers[f"pedido-{name}"] = int(order.headers["Location"].rsplit("/", 1)[1])
    services.pedidos.patch(
        f"/pedidos/{numbers['pedido-taza']}", services.admin.token, json={"estado": "enviado"}
    )
    return numbers


def _submit(name: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_load_state()

    return act


def _add(page: Page) -> None:
    page.locator("#agregar").click()
    page.locator("#agregado .notice").wait_for()
    page.goto("/carrito")


def _buy(number: int) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.goto(f"/productos/{number}")
        page.locator("#agregar").click()
        page.locator("#agregado .notice").wait_for()
        page.goto("/pagar/revisar")
        page.locator("#confirmar-boton").click()
        page.wait_for_url("**/compras/*")

    return act


def stops(numbers: dict[str, int]) -> list[Stop]:
    taza, pedido = numbers["taza"], numbers["pedido-taza"]
    return [
        Stop("portada", "/"),
        Stop("catálogo", "/productos"),
        Stop("búsqueda", "/productos?q=taza&orden=precio-asc&disponibles=1"),
        Stop("nada", "/productos?q=zzzz"),
        Stop("producto", f"/productos/{taza}-taza-de-muestra"),
        Stop("producto largo", f"/productos/{numbers['largo']}"),
        Stop("producto raro", f"/productos/{numbers['raro']}"),
        Stop("agotado", f"/productos/{numbers['agotado']}"),
        Stop("retirado", f"/productos/{numbers['retirado']}", status=410),
        Stop("carrito vacío", "/carrito"),
        Stop("carrito", f"/productos/{taza}-taza-de-muestra", _add),
        Stop("quién compra", "/pagar"),
        Stop("quién compra, mal", "/pagar", _submit("Crear cuenta")),
        Stop("entrar", "/entrar"),
        Stop("entrar, mal", "/entrar", _submit("Entrar")),
        Stop("registro", "/registro"),
        Stop("estado", "/estado"),
        Stop("ayuda", "/ayuda"),
        Stop("accesibilidad", "/accesibilidad"),
        Stop("no está", "/nada", status=404),
        Stop("inglés", "/en/productos"),
        Stop("revisar", "/pagar/revisar", who="shopper"),
        Stop("pedidos", "/pedidos", who="shopper"),
        Stop("pedidos de un estado", "/pedidos?estado=entregado", who="shopper"),
        Stop("pedido", f"/pedidos/{pedido}", who="shopper"),
        Stop("cancelar", f"/pedidos/{numbers['pedido-largo']}/cancelar", who="shopper"),
        Stop("cuenta", "/cuenta", who="shopper"),
        Stop("cuenta, mal", "/cuenta", _submit("Cambiar contraseña"), who="shopper"),
        Stop("borrar cuenta", "/cuenta/borrar", who="shopper"),
        Stop("gracias", "/pedidos", _buy(taza), who="shopper"),
        Stop("no administra", "/admin/productos", who="shopper", status=403),
        Stop("administrar productos", "/admin/productos", who="owner"),
        Stop("producto nuevo", "/admin/productos/nuevo", who="owner"),
        Stop("producto nuevo, mal", "/admin/productos/nuevo", _submit("Guardar"), who="owner"),
        Stop("editar producto", f"/admin/productos/{taza}", who="owner"),
        Stop("retirar", f"/admin/productos/{taza}/retirar", who="owner"),
        Stop("tablero", "/admin/pedidos", who="owner"),
        Stop("lista de pedidos", "/admin/pedidos?vista=lista", who="owner"),
        Stop("administrar pedido", f"/admin/pedidos/{pedido}", who="owner"),
        Stop("operaciones", "/admin/operaciones", who="owner"),
    ]


def broken_stops(numbers: dict[str, int]) -> list[Stop]:
    """What is left to see while no service answers."""
    return [
        Stop("catálogo de antes", "/productos"),
        Stop("producto de antes", f"/productos/{numbers['taza']}-taza-de-muestra"),
        Stop("búsqueda de antes", "/productos?q=algo"),
        Stop("carrito de antes", "/carrito"),
        Stop("entrar, caído", "/entrar", _sign_in, who="guest"),
        Stop("estado caído", "/estado"),
        Stop("pedidos caídos", "/pedidos", who="owner", status=503),
        Stop("cuenta caída", "/cuenta", who="owner"),
        Stop("tablero caído", "/admin/pedidos", who="owner", status=503),
        Stop("productos de antes", "/admin/productos", who="owner"),
        Stop("operaciones caídas", "/admin/operaciones", who="owner"),
    ]


def _sign_in(page: Page) -> None:
    page.locator("#entrar-email").fill("ana@ejemplo.com")
    page.locator("#entrar-password").fill("una clave larga")
    page.get_by_role("button", name="Entrar", exact=True).click()
    page.get_by_text("Ahora mismo no podemos").first.wait_for()
