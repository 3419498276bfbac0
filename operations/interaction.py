"""A shopper on a slow phone: how long from a finger to the next picture on the screen (Interaction to Next Paint)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

LONGEST_MS = 150.0
PHONE: ViewportSize = {"width": 390, "height": 844}
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
# The browser's own measure, of everything that a finger or a key began; shorter ones than 16 ms it does not tell.
WATCH = """() => { window.slowest = 0;
new PerformanceObserver(list => list.getEntries().forEach(one => {
  if (one.interactionId) window.slowest = Math.max(window.slowest, one.duration); }))
  .observe({type: 'event', durationThreshold: 16, buffered: false}); }"""
SLOWEST = "() => new Promise(done => setTimeout(() => { done(window.slowest); window.slowest = 0; }, 200))"
PASSWORD = "una clave larga"  # noqa: S105 - of an account that lives for a minute


@dataclass(frozen=True)
class Shopper:
    """Cookies as the header that carries them, and two addresses without their host."""

    cookies: str
    product: str
    order: str


def shopper_with_a_cart(browser: Browser, address: str) -> Shopper:
    """The second account of a new shop (the first is its owner): one order of two products, two lines in the cart."""
    register(browser.new_context(base_url=address, locale="es-MX"), "Ana").context.close()
    page = register(browser.new_context(base_url=address, locale="es-MX"), "Luis")
    for number in (1, 3):
        add(page, number)
    page.goto("/pagar/revisar")
    page.get_by_role("button", name="Confirmar pedido").click()
    page.wait_for_url("**/compras/*")
    product = add(page, 2)
    add(page, 5)
    page.goto("/pedidos")
    order = page.locator("#pedidos a").first.get_attribute("href") or ""
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())
    page.context.close()
    return Shopper(cookies, product, order)


def register(context: BrowserContext, name: str) -> Page:
    page = context.new_page()
    page.goto("/registro")
    page.get_by_label("Nombre").fill(name)
    page.get_by_label("Correo electrónico").fill(f"{name.lower()}@ejemplo.com")
    page.get_by_label("Contraseña", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Crear cuenta").click()
    page.get_by_role("link", name="Mi cuenta").wait_for()
    return page


def add(page: Page, number: int) -> str:
    """Puts a product in the cart; its whole address."""
    page.goto(f"/productos/{number}")
    page.get_by_role("button", name="Agregar al carrito").click()
    page.locator("#agregado .notice").wait_for()
    return urlsplit(page.url).path


def interactions(browser: Browser, address: str) -> dict[str, float]:
    """Milliseconds of the slowest interaction in each action of a purchase."""
    context = browser.new_context(
        base_url=address, locale="es-MX", viewport=PHONE, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", NETWORK)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.add_init_script(f"({WATCH})()")
    found: dict[str, float] = {}

    page.goto("/productos", wait_until="load")
    for count in ("1", "2", "3"):
        page.locator(f".product:nth-child({count}) .add button").tap()
        page.locator("#cart-count", has_text=count).wait_for()
        found[f"add from a card, {count}"] = page.evaluate(SLOWEST)
    page.get_by_label("Ordenar por").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_url("**orden=*")
    page.locator("#resultados:not([aria-busy])").wait_for()
    found["sort the catalogue"] = page.evaluate(SLOWEST)

    page.goto("/productos/2", wait_until="load")
    page.get_by_role("button", name="Agregar uno").tap()
    found["one more, product"] = page.evaluate(SLOWEST)
    page.get_by_role("button", name="Agregar al carrito").tap()
    page.locator("#agregado .notice").wait_for()
    found["add, product"] = page.evaluate(SLOWEST)

    page.goto("/carrito", wait_until="load")
    page.get_by_role("button", name="Agregar uno").first.tap()
    page.get_by_role("heading", name="6 artículos").wait_for()
    found["one more, cart"] = page.evaluate(SLOWEST)
    page.locator("[id^=quitar-]").first.tap()
    page.get_by_role("button", name="Deshacer").wait_for()
    found["remove a line"] = page.evaluate(SLOWEST)
    context.close()
    return found
