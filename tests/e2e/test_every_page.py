"""What holds on every page and state, in both schemes (checks 23 and 24): axe without a finding, nothing that scrolls
sideways at 320 px, targets of 24 px, main ones of 44 px, one title, one h1, ids and references that fit, valid HTML,
and no complaint of the browser.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import sign_in
from tests.e2e.html import HAS_JAVA, Answers, errors_in
from tests.e2e.pages import Stop, broken_stops, furnish, stops
from tests.e2e.running import Running, Storefront
from tests.shop import Person

AXE = (Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The rules that may judge otherwise when the colours change.
COLOURS = ["color-contrast", "link-in-text-block"]
RUN_AXE = """wanted => axe.run(document, {runOnly: wanted, resultTypes: ['violations']}).then(result => result.violations.map(
  found => `${found.id}: ${found.nodes.map(node => node.html + (node.any[0]?.message ?? '')).join(' | ')}`))"""
SIDEWAYS = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll('main *, header *, footer *')]
    .filter(one => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.table-scroll'))
    .slice(0, 5).map(one => one.outerHTML.slice(0, 120))"""
SMALL = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
  .filter(one => {
    const box = one.getBoundingClientRect(), style = getComputedStyle(one);
    const unseen = !box.width || style.visibility === 'hidden' || box.right < 0 || box.bottom < 0;
    if (unseen || one.matches('.skip-link, .update')) return false;
    if (one.closest('.visually-hidden, .prose, .hint, .notice p, .error-summary')) return false;
    const sentence = one.matches('a') && style.display === 'inline' && one.closest('p, dd');
    return !sentence && (box.width < 24 || box.height < 24);
  })
  .map(one => `${one.outerHTML.slice(0, 120)} ${one.getBoundingClientRect().width}x${one.getBoundingClientRect().height}`)"""
LOW = """() => [...document.querySelectorAll('.btn, select, textarea, input:not([type=hidden], [type=checkbox], [type=radio])')]
  .filter(one => { const box = one.getBoundingClientRect(); return box.width > 1 && box.height < 43.9; })
  .map(one => `${one.outerHTML.slice(0, 120)} ${one.getBoundingClientRect().height}`)"""
STRUCTURE = """() => {
  const wrong = [], ids = [...document.querySelectorAll('[id]')].map(one => one.id);
  for (const id of new Set(ids)) if (ids.filter(one => one === id).length > 1) wrong.push(`id twice: ${id}`);
  for (const name of ['aria-describedby', 'aria-labelledby', 'for'])
    for (const one of document.querySelectorAll(`[${name}]`))
      for (const id of one.getAttribute(name).split(' '))
        if (!document.getElementById(id)) wrong.push(`${name} to nothing: ${id || 'empty'}`);
  const nested = 'a a, a button, button a, button button, form form, label label, [style], [onclick], p div, p ul';
  for (const one of document.querySelectorAll(nested)) wrong.push(`nested: ${one.outerHTML.slice(0, 80)}`);
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  let before = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
    const level = Number(heading.tagName[1]);
    if (level > before + 1 && before) wrong.push(`a level is skipped: ${heading.outerHTML.slice(0, 80)}`);
    before = level;
  }
  for (const one of document.querySelectorAll('[tabindex]'))
    if (!['-1', '0'].includes(one.getAttribute('tabindex'))) wrong.push('a positive tabindex');
  for (const one of document.images)
    if (!one.hasAttribute('alt') || !one.width || !one.height) wrong.push(`img: ${one.outerHTML.slice(0, 80)}`);
  const elements = document.querySelectorAll('*').length;
  if (elements > 1500) wrong.push(`elements: ${elements}`);
  return wrong;
}"""
CHECKS = {"sideways": SIDEWAYS, "small": SMALL, "low": LOW, "structure": STRUCTURE}


def look(page: Page, name: str) -> list[str]:
    """What is wrong with the page as it stands, in light and then, where colours matter, in dark."""
    wrong = [
        f"{name}, {check}: {found}" for check, script in CHECKS.items() for found in page.evaluate(script)
    ]
    page.evaluate(AXE)
    wrong += [f"{name}, light: {found}" for found in page.evaluate(RUN_AXE, {"type": "tag", "values": TAGS})]
    page.emulate_media(color_scheme="dark")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    wrong += [
        f"{name}, dark: {found}" for found in page.evaluate(RUN_AXE, {"type": "rule", "values": COLOURS})
    ]
    page.emulate_media(color_scheme="light")
    return wrong


def walk(page: Page, wanted: list[Stop], folder: Path) -> list[str]:
    """What is wrong with any of these pages, or with its HTML as it was sent."""
    answers = Answers(page, folder)
    wrong: list[str] = []
    titles: dict[str, str] = {}
    for stop in wanted:
        answer = page.goto(stop.path)
        assert answer is not None
        assert answer.status == stop.status, stop.name
        stop.do(page)
        answers.keep(stop.name)
        if stop.status < 500:
            assert titles.setdefault(page.title(), stop.name) == stop.name
        wrong += look(page, stop.name)
    assert len(list(folder.iterdir())) == len(wanted) > 0
    return wrong + errors_in(folder)


@pytest.mark.parametrize("who", ["guest", "shopper", "owner"])
def test_every_page_is_accessible_sound_and_valid(
    open_page: Callable[..., Page], shop: Running, shopper: Person, tmp_path: Path, who: str
) -> None:
    numbers = furnish(shop, shopper)
    page = open_page(width=320, height=800)
    if who != "guest":
        sign_in(page, shopper if who == "shopper" else shop.owner)
        page.goto(f"/productos/{numbers['taza']}-taza-de-muestra")
        page.locator("#agregar").click()
        page.locator("#agregado .notice").wait_for()
    assert walk(page, [stop for stop in stops(numbers) if stop.who == who], tmp_path) == []


def test_every_page_is_so_while_no_service_answers(
    open_page: Callable[..., Page], shop: Running, shopper: Person, tmp_path: Path
) -> None:
    numbers = furnish(shop, shopper)
    guest, owner = open_page(width=320, height=800), open_page(width=320, height=800)
    sign_in(owner, shop.owner)
    for path in ("/productos", f"/productos/{numbers['taza']}-taza-de-muestra"):
        guest.goto(path)
    guest.locator("#agregar").click()
    guest.locator("#agregado .notice").wait_for()
    services = (shop.services.usuarios, shop.services.productos, shop.services.pedidos)
    try:
        for service in services:
            service.kill()
        for page, who in ((guest, "guest"), (owner, "owner")):
            folder = tmp_path / who
            folder.mkdir()
            assert walk(page, [stop for stop in broken_stops(numbers) if stop.who == who], folder) == []
    finally:
        for service in services:
            service.start()


def test_every_component_in_every_state(
    open_page: Callable[..., Page], shop: Running, tmp_path: Path
) -> None:
    patterns = Storefront(tmp_path, {**shop.services.environment, "DEBUG": "True"})
    patterns.start()
    try:
        page = open_page(width=320, height=800)
        page.goto(f"{patterns.url}/admin/estilos")
        wrong = look(page, "estilos")
    finally:
        patterns.kill()
    assert wrong == []


@pytest.mark.skipif(not HAS_JAVA, reason="Java is missing: vnu did not look at the HTML of any page")
def test_wrong_html_is_told(tmp_path: Path) -> None:
    (tmp_path / "mala.html").write_text(
        "<!DOCTYPE html><html lang=es><title>Mala</title><p><ul></ul></p><div id=a><b id=a></b></div>"
    )
    assert any("Duplicate ID" in error for error in errors_in(tmp_path))
