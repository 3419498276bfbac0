"""What holds on every page and state, in both schemes: axe without a finding, nothing that scrolls sideways at 320 px,
targets of 24 px, one title, one h1, ids and references that fit, and no complaint of the browser (checks 23 and 24).
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import sign_in
from tests.e2e.pages import furnish, stops
from tests.e2e.running import Running

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = """tags => axe.run(document, {runOnly: tags}).then(result => result.violations.map(
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
CHECKS = {"sideways": SIDEWAYS, "small": SMALL, "structure": STRUCTURE}


@pytest.mark.parametrize("who", ["guest", "shopper", "owner"])
def test_every_page_is_accessible_and_sound(open_page: Callable[..., Page], shop: Running, who: str) -> None:
    shopper = shop.services.person()
    numbers = furnish(shop, shopper)
    axe = AXE.read_text()
    page = open_page(width=320, height=800)
    if who != "guest":
        sign_in(page, shopper if who == "shopper" else shop.owner)
        page.goto(f"/productos/{numbers['taza']}-taza-de-muestra")
        page.locator("#agregar").click()
        page.locator("#agregado .notice").wait_for()
    wrong: list[str] = []
    titles: dict[str, str] = {}
    for stop in stops(numbers):
        if stop.who != who:
            continue
        page.emulate_media(color_scheme="light")
        answer = page.goto(stop.path)
        assert answer is not None
        assert answer.status == stop.status, stop.name
        stop.do(page)
        assert titles.setdefault(page.title(), stop.name) == stop.name
        for name, check in CHECKS.items():
            wrong += [f"{stop.name}, {name}: {found}" for found in page.evaluate(check)]
        page.evaluate(axe)
        wrong += [f"{stop.name}, light: {found}" for found in page.evaluate(RUN_AXE, TAGS)]
        page.emulate_media(color_scheme="dark")
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        wrong += [f"{stop.name}, dark: {found}" for found in page.evaluate(RUN_AXE, TAGS)]
    assert titles
    assert wrong == []
