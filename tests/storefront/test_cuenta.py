"""Accounts: register, sign in, change, leave."""

from tests.storefront.conftest import USUARIOS, PlainShop, RealShop


def test_a_wrong_password_keeps_the_email_only(plain: PlainShop) -> None:
    plain.visit().register()
    visit = plain.visit().sign_in(password="otra cosa")
    assert visit.status == 422
    assert "El correo o la contraseña no coinciden" in visit.text
    assert 'value="ana@ejemplo.com"' in visit.text
    assert "otra cosa" not in visit.text


def test_a_taken_email_leads_to_signing_in(plain: PlainShop) -> None:
    plain.visit().register()
    visit = plain.visit().register(password="otra distinta")
    assert visit.status == 422
    assert "Ya hay una cuenta con este correo." in visit.text
    assert "/entrar?email=ana@ejemplo.com" in visit.text.replace("%40", "@")


def test_registering_twice_with_one_form_is_one_account_signed_in(plain: PlainShop) -> None:
    plain.visit().register()
    again = plain.visit().register()
    assert (again.status, again.get("/cuenta").heading) == (200, "Mi cuenta")


def test_users_down_the_form_says_so_and_keeps_what_was_typed(plain: PlainShop) -> None:
    plain.adapter.down.add(USUARIOS)
    visit = plain.visit().register()
    assert visit.status == 503
    assert "Ahora mismo no podemos revisar las cuentas." in visit.text
    assert 'value="Ana"' in visit.text


def test_name_password_and_goodbye(real: RealShop) -> None:
    person = real.services.person()
    visit = real.visit().sign_in(person.email, person.password).get("/cuenta")
    visit.send("/cuenta/nombre", nombre="Otro nombre")
    assert "Guardamos tu nombre." in visit.text
    assert "Otro nombre" in visit.text
    visit.send("/cuenta/clave", password_actual="no es", password="una nueva 1")
    assert visit.status == 422
    assert "Esta no es tu contraseña actual" in visit.text
    visit.send("/cuenta/clave", password_actual=person.password, password="una nueva 1")
    assert "Cambiamos tu contraseña." in visit.text
    assert visit.get("/pedidos").status == 200
    assert real.visit().sign_in(person.email, "una nueva 1").status == 200
    visit.get("/cuenta/borrar").send("/cuenta/borrar", password="no es")
    assert visit.status == 422
    visit.send("/cuenta/borrar", password="una nueva 1")
    assert "Borramos tu cuenta." in visit.text
    assert real.visit().sign_in(person.email, "una nueva 1").status == 422


def test_orders_of_another_person_are_not_there(real: RealShop) -> None:
    taza = real.a_producto()
    order = real.services.a_pedido(real.services.person(), taza)
    numero = order.headers["Location"].rsplit("/", 1)[1]
    assert real.member().get(f"/pedidos/{numero}").status == 404


def test_a_pending_order_can_be_cancelled_and_bought_again(real: RealShop) -> None:
    taza = real.a_producto(nombre="Taza dudosa", stock=5)
    visit = real.member().add_to_cart(taza, 2).get("/pagar/revisar").send("/pagar/confirmar")
    numero = visit.heading.rsplit(" ", 1)[1]
    visit.get(f"/pedidos/{numero}/cancelar")
    assert visit.heading == f"¿Cancelar el pedido {numero}?"
    visit.send(f"/pedidos/{numero}/cancelar")
    assert f"Cancelamos el pedido {numero}." in visit.text
    assert "Cancelado" in visit.text
    visit.send(f"/pedidos/{numero}/repetir")
    assert visit.heading == "Tu carrito (2 artículos)"
    product = real.services.productos.get(f"/productos/{taza}", real.services.admin.token).json()
    assert product["stock"] == 5


def test_the_look_is_chosen_without_scripts(plain: PlainShop) -> None:
    visit = plain.visit().get("/carrito").send("/apariencia", tema="oscura")
    assert visit.path == "/carrito"
    assert 'data-theme="oscura"' in visit.text
    visit.send("/apariencia", tema="")
    assert "data-theme" not in visit.text


def test_the_account_page_has_language_and_look(plain: PlainShop) -> None:
    visit = plain.visit().register().get("/cuenta")
    main = visit.text.split("<main")[1].split("</main>")[0]
    assert 'href="/en/cuenta"' in main
    assert visit.send("/apariencia", tema="clara").path == "/cuenta"


def test_a_session_that_ends_while_the_account_is_changed_leads_back_to_it(real: RealShop) -> None:
    person = real.services.person()
    visit = real.visit().sign_in(person.email, person.password).get("/cuenta")
    form = visit.form("/cuenta/nombre")["fields"]
    visit.client.delete_cookie("sesion")
    visit.post("/cuenta/nombre", {**form, "nombre": "Otro"})
    assert visit.send("/entrar", email=person.email, password=person.password).heading == "Mi cuenta"
