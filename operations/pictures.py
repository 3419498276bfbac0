"""Takes the README's pictures: ``make pictures``.

Starts a new shop, registers its owner, buys something, and photographs pages in light and in dark into docs/images/.
"""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from operations.browser import CHROMIUM, chromium
from operations.new_shop import new_shop

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SCHEMES = ("light", "dark")
SHOTS = {
    "catalogue": "/productos",
    "product": "/productos/1",
    "cart": "/carrito",
    "order": "/pedidos/1",
    "board": "/admin/pedidos",
    "form": "/admin/productos/1",
}


def main() -> None:
    with new_shop() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=CHROMIUM)
        try:
            state = buy_something(browser, address)
            for scheme in SCHEMES:
                photograph(browser, address, scheme, state)
        finally:
            browser.close()


def buy_something(browser: Browser, address: str) -> dict[str, object]:
    """The cookies of an owner who bought two products and has a third one in the cart."""
    context = browser.new_context(base_url=address, locale="es-MX")
    page = context.new_page()
    page.goto("/registro")
    page.get_by_label("Nombre").fill("Ana")
    page.get_by_label("Correo electrónico").fill("ana@ejemplo.com")
    page.get_by_label("Contraseña", exact=True).fill("una clave larga")
    page.get_by_role("button", name="Crear cuenta").click()
    page.wait_for_load_state()
    add(page, 1, 3)
    page.goto("/pagar/revisar")
    page.get_by_role("button", name="Confirmar pedido").click()
    page.wait_for_load_state()
    add(page, 2, 5)
    return dict(context.storage_state())


def add(page: Page, *products: int) -> None:
    for number in products:
        page.goto(f"/productos/{number}")
        page.get_by_role("button", name="Agregar al carrito").first.click()
        page.locator("#agregado .notice").wait_for()


def photograph(browser: Browser, address: str, scheme: str, state: dict[str, object]) -> None:
    for name, path in SHOTS.items():
        context = browser.new_context(
            base_url=address,
            locale="es-MX",
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": 1280, "height": 860},
            reduced_motion="reduce",
            storage_state=None if name in ("catalogue", "product") else state,  # type: ignore[arg-type]
        )
        page = context.new_page()
        page.goto(path, wait_until="networkidle")
        shot = Image.open(io.BytesIO(page.screenshot()))
        shot.convert("RGB").resize((1024, 688)).save(FOLDER / f"{name}-{scheme}.webp", quality=82, method=6)
        context.close()
        print(f"{name}-{scheme}.webp", flush=True)


if __name__ == "__main__":
    main()
