"""Running the shop: products, stock, pictures, and the orders board."""

import io
import random
import time

import jwt
from PIL import Image

from storefront.cookies import signer
from tests.shop import SECRET
from tests.storefront.conftest import PlainShop, RealShop, Visit


def a_picture(size: tuple[int, int] = (600, 400), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "orange").save(out, kind)
    return out.getvalue()


def _number(visit: Visit, nombre: str) -> int:
    """The id of a product in the list of the administration."""
    row = next(row for row in visit.text.split("<tr ") if f"<bdi>{nombre}</bdi>" in row)
    return int(row.split('id="fila-')[1].split('"')[0])


def test_guests_sign_in_first_and_shoppers_are_turned_away(real: RealShop) -> None:
    assert real.visit().get("/admin/productos").path == "/entrar?siguiente=%2Fadmin%2Fproductos"
    visit = real.member()
    for path in ("/admin/productos", "/admin/productos/nuevo", "/admin/pedidos", "/admin/operaciones"):
        assert visit.get(path).status == 403
    assert "Administrar" not in visit.get("/").text


def test_a_product_is_created_edited_and_withdrawn(real: RealShop) -> None:
    owner = real.owner().get("/admin/productos/nuevo")
    owner.send(
        "/admin/productos/nuevo", nombre="Parka ártica", precio="1,299.90", stock="7", categoria="Abrigo"
    )
    assert owner.path == "/admin/productos"
    assert "Agregaste Parka ártica." in owner.text
    number = _number(owner, "Parka ártica")
    owner.get(f"/admin/productos/{number}")
    assert 'value="1299.90"' in owner.text
    owner.send(f"/admin/productos/{number}", precio="1199,5", visible="1")
    assert "Guardamos Parka ártica." in owner.text
    assert "$1,199.50" in real.visit().get(f"/productos/{number}").text
    owner.get(f"/admin/productos/{number}/retirar").send(f"/admin/productos/{number}/retirar")
    assert "Retiraste Parka ártica" in owner.text
    gone = real.visit().get(f"/productos/{number}-parka-artica")
    assert (gone.status, gone.heading) == (410, "Este producto ya no se vende")


def test_wrong_fields_are_told_and_the_right_ones_kept(real: RealShop) -> None:
    owner = real.owner().get("/admin/productos/nuevo")
    owner.send("/admin/productos/nuevo", nombre="", precio="gratis", stock="-3", descripcion="Se queda")
    assert owner.status == 422
    for text in (
        "Escribe el nombre del producto",
        "Escribe un precio, por ejemplo 1299.90",
        "Escribe las existencias con números, por ejemplo 25",
        "Se queda",
        'value="gratis"',
        "<title>Error: Producto nuevo",
    ):
        assert text in owner.text


def test_sent_twice_it_is_one_product(real: RealShop) -> None:
    owner = real.owner().get("/admin/productos/nuevo")
    form = {**owner.form("/admin/productos/nuevo")["fields"], "nombre": "Solo uno", "precio": "10"}
    owner.post("/admin/productos/nuevo", form)
    owner.post("/admin/productos/nuevo", form)
    assert owner.get("/admin/productos?q=solo+uno").text.count("<bdi>Solo uno</bdi>") == 1


def test_two_editors_are_told_and_nothing_is_overwritten_unseen(real: RealShop) -> None:
    number = real.a_producto(nombre="Disputado", precio=10, stock=5)
    first, second = real.owner(), real.owner()
    first.get(f"/admin/productos/{number}")
    second.get(f"/admin/productos/{number}")
    first.send(f"/admin/productos/{number}", precio="20", visible="1")
    second.send(f"/admin/productos/{number}", precio="30", visible="1")
    assert second.status == 409
    assert "Otra persona guardó este producto mientras lo editabas" in second.text
    assert "20.00" in second.text
    assert 'value="30.00"' in second.text
    assert "$20.00" in real.visit().get(f"/productos/{number}").text
    second.send(f"/admin/productos/{number}", visible="1")
    assert "$30.00" in real.visit().get(f"/productos/{number}").text


def test_saving_a_form_does_not_undo_sales_made_meanwhile(real: RealShop) -> None:
    number = real.a_producto(nombre="Vendido", stock=5)
    owner = real.owner().get(f"/admin/productos/{number}")
    assert real.services.a_pedido(real.services.person(), number, 2).status_code == 201
    owner.send(f"/admin/productos/{number}", nombre="Vendido mejor", visible="1")
    product = real.services.productos.get(f"/productos/{number}", real.services.admin.token).json()
    assert (product["nombre"], product["stock"]) == ("Vendido mejor", 3)


def test_the_stock_is_set_in_the_list_unless_it_changed(real: RealShop) -> None:
    number = real.a_producto(nombre="Contado", stock=5)
    owner = real.owner().get("/admin/productos?q=contado")
    form = owner.form(f"/admin/productos/{number}/stock")["fields"]
    owner.post(f"/admin/productos/{number}/stock", {**form, "stock": "9"})
    assert "Contado: existencias 9." in owner.text
    owner.post(f"/admin/productos/{number}/stock", {**form, "stock": "1"})
    assert "mientras tanto las existencias cambiaron a 9" in owner.text


def test_the_board_offers_only_legal_moves_and_a_step_back(real: RealShop) -> None:
    number = real.a_producto(nombre="Enviado", stock=5)
    order = real.services.a_pedido(real.services.person(), number)
    numero = int(order.headers["Location"].rsplit("/", 1)[1])
    owner = real.owner().get("/admin/pedidos")
    card = owner.text.split(f'id="pedido-{numero}"')[1].split("</article>")[0]
    assert "Marcar como enviado" in card
    assert "Marcar como entregado" not in card
    owner.get(f"/admin/pedidos/{numero}").send(f"/{numero}/estado", estado="enviado")
    assert f"Pedido {numero}: Enviado" in owner.text
    assert "Volver a pendiente" in owner.text
    owner.send(f"/{numero}/estado")
    assert "Marcar como enviado" in owner.text
    owner.post(f"/admin/pedidos/{numero}/estado", {"estado": "entregado"})
    assert owner.status == 422
    assert "no admite ese cambio" in owner.text
    assert f'id="pedido-{numero}"' in owner.text


def test_the_second_of_two_administrators_is_told(real: RealShop) -> None:
    number = real.a_producto(nombre="Doble", stock=5)
    order = real.services.a_pedido(real.services.person(), number)
    numero = int(order.headers["Location"].rsplit("/", 1)[1])
    first = real.owner().get(f"/admin/pedidos/{numero}")
    form = {**first.form(f"/{numero}/estado")["fields"], "estado": "enviado"}
    second = {**form, "estado": "cancelado"}
    first.post(f"/admin/pedidos/{numero}/estado", form)
    other = real.owner().post(f"/admin/pedidos/{numero}/estado", second)
    assert other.status == 409
    assert "Otra persona ya cambió este pedido a Enviado." in other.text
    assert "Marcar como entregado" in other.text
    place = "/en/admin/pedidos?vista=lista&estado=enviado"
    other.post(f"/en/admin/pedidos/{numero}/estado", {**second, "volver": place})
    assert other.status == 409
    assert "Somebody else already changed this order to" in other.text
    assert other.form(f"/{numero}/estado")["fields"]["volver"] == place


def test_the_details_of_the_services_are_for_the_administrator(real: RealShop) -> None:
    text = real.visit().get("/estado").text
    for secret in ("127.0.0.1", "sqlite", *(str(one.port) for one in real.services.services)):
        assert secret not in text
    assert "Circuito" in real.owner().get("/admin/operaciones").text


def test_a_picture_too_large_or_no_picture_is_told_and_the_form_kept(real: RealShop) -> None:
    owner = real.owner()
    for content, name, message in (
        (
            b"\xff\xd8\xff" + random.Random(7).randbytes(7_200_000),
            "foto.jpg",
            "La imagen pesa 7.2 MB. El máximo es 5 MB.",
        ),
        (b"no soy una imagen", "foto.png", "No pudimos leer este archivo como imagen."),
    ):
        owner.get("/admin/productos/nuevo")
        owner.send(
            "/admin/productos/nuevo", nombre="Con foto", precio="10", imagen=(io.BytesIO(content), name)
        )
        assert owner.status == 422
        assert message in owner.text
        assert 'value="Con foto"' in owner.text


def test_a_photograph_of_megabytes_is_taken(real: RealShop) -> None:
    content = io.BytesIO()
    Image.effect_noise((2400, 1800), 60).save(content, "JPEG")
    assert content.tell() > 2_000_000
    owner = real.owner().get("/admin/productos/nuevo")
    photo = (io.BytesIO(content.getvalue()), "foto.jpg")
    owner.send("/admin/productos/nuevo", nombre="De cerca", precio="10", imagen=photo)
    assert (owner.status, owner.path) == (200, "/admin/productos")
    number = _number(owner.get("/admin/productos?q=de+cerca"), "De cerca")
    assert "-960.avif" in real.visit().get(f"/productos/{number}").text


def test_a_picture_is_kept_while_another_field_is_wrong_and_then_shown(real: RealShop) -> None:
    owner = real.owner().get("/admin/productos/nuevo")
    upload = (io.BytesIO(a_picture()), "parka naranja.png")
    owner.send("/admin/productos/nuevo", nombre="Con foto", precio="gratis", imagen=upload)
    assert owner.status == 422
    assert "Imagen ya subida:" in owner.text
    assert "parka naranja.png" in owner.text
    owner.send("/admin/productos/nuevo", precio="10", imagen_alt="Una parka naranja")
    number = _number(owner.get("/admin/productos?q=con+foto"), "Con foto")
    page = real.visit().get(f"/productos/{number}")
    assert 'alt="Una parka naranja"' in page.text
    address = page.text.split('srcset="')[1].split(" ")[0]
    picture = real.app.test_client().get(address)
    assert picture.status_code == 200
    assert picture.headers["Content-Type"] == "image/avif"
    assert "immutable" in picture.headers["Cache-Control"]


def test_plain_services_have_no_pictures_nor_stock_in_the_form(plain: PlainShop) -> None:
    text = plain.visit().register().get("/admin/productos/nuevo").text
    for absent in ('name="imagen"', 'name="stock"', 'name="categoria"'):
        assert absent not in text


def test_who_does_not_run_the_shop_may_sign_in_as_who_does(real: RealShop) -> None:
    visit = real.member().get("/admin/productos?q=taza")
    assert (visit.status, visit.heading) == (403, "Esta sección es para administración")
    visit.send("/salir")
    assert visit.heading == "Entrar"
    admin = real.services.admin
    visit.send("/entrar", email=admin.email, password=admin.password)
    assert visit.path == "/admin/productos?q=taza"


def test_while_products_is_down_the_form_is_kept(real: RealShop) -> None:
    number = real.a_producto(nombre="Se cae", precio=10)
    owner = real.owner().get(f"/admin/productos/{number}")
    productos = real.services.productos
    productos.kill()
    try:
        owner.send(f"/admin/productos/{number}", nombre="Nombre nuevo", precio="1,299.90")
        assert (owner.status, owner.page and owner.page.headers["Retry-After"]) == (503, "30")
        assert 'value="Nombre nuevo"' in owner.text
        assert "No se cambió nada" in owner.text
    finally:
        productos.start()
    owner.send(f"/admin/productos/{number}")
    assert "Guardamos Nombre nuevo." in owner.text


def test_a_price_is_shown_as_it_was_understood(plain: PlainShop) -> None:
    visit = plain.visit().register().get("/admin/productos/nuevo")
    visit.send("/admin/productos/nuevo", nombre="", precio="1.299,90")
    assert visit.status == 422
    assert 'value="1299.90"' in visit.text


def test_a_form_that_comes_back_after_the_session_asks_for_another_look(real: RealShop) -> None:
    owner = real.owner().get("/admin/productos/nuevo")
    form = {**owner.form("/admin/productos/nuevo")["fields"], "nombre": "Sin terminar", "precio": "5"}
    expired(real, owner)
    owner.post("/admin/productos/nuevo", form)
    admin = real.services.admin
    owner.send("/entrar", email=admin.email, password=admin.password)
    assert owner.heading == "Producto nuevo"
    assert "Tu sesión terminó. Revisa y envía otra vez." in owner.text
    assert 'value="Sin terminar"' in owner.text


def expired(real: RealShop, visit: Visit) -> None:
    """Puts a token that has just ended in place of the session's."""
    admin = real.services.admin
    claims = {"usuario_id": admin.id, "nombre": admin.nombre, "exp": time.time() - 1}
    token = jwt.encode(claims, SECRET, "HS256")
    with real.app.test_request_context():
        visit.client.set_cookie("sesion", signer("sesion").sign(f"sid~{token}").decode())


def test_the_last_checks_of_each_service_are_told(real: RealShop) -> None:
    owner = real.owner()
    for _ in range(7):
        text = owner.get("/admin/operaciones").text
    rows = text.split("<tr>")[2:]
    assert [row.count("Funciona") for row in rows] == [1 + 5] * 3
