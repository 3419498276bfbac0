"""Measures the shop's pages on a slow phone: ``make lighthouse``, or ``make lighthouse pages="catálogo carrito"``.

Lighthouse gives its four classic categories and the vitals, three runs of each page; a scripted shopper gives the time
from a finger to the next picture on the screen. A median beyond ux.md section 3.2 fails. Writes bench/report/lighthouse.md.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from operations.browser import CHROMIUM, chromium
from operations.interaction import LONGEST_MS, interactions, shopper_with_a_cart
from operations.new_shop import new_shop
from operations.setup import ROOT, modern_node

COMMAND = ROOT / "bench" / "lighthouse" / "node_modules" / "lighthouse" / "cli" / "index.js"
REPORT = ROOT / "bench" / "report" / "lighthouse.md"
RUNS = 3
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
Result = dict[str, Any]
VITALS = {
    "LCP": ("largest-contentful-paint", 1800.0, "ms"),
    "FCP": ("first-contentful-paint", 1200.0, "ms"),
    "TBT": ("total-blocking-time", 50.0, "ms"),
    "CLS": ("cumulative-layout-shift", 0.01, ""),
    "SI": ("speed-index", 1500.0, "ms"),
}


@dataclass(frozen=True)
class Visit:
    """A page and the cookies of who looks at it."""

    name: str
    address: str
    cookies: str


@dataclass(frozen=True)
class Figures:
    """One page: each category's median of 100, each vital's median, and what was wrong in any run."""

    name: str
    scores: dict[str, int]
    vitals: dict[str, float]
    worst: dict[str, float]
    remarks: tuple[str, ...]

    def misses(self) -> list[str]:
        low = [f"{name} {score} < 100" for name, score in self.scores.items() if score < 100]
        high = [
            f"{name} {shown(name, self.vitals[name])} > {VITALS[name][1]:.4g}"
            for name in VITALS
            if self._over(name)
        ]
        return [f"{self.name}: {what}" for what in low + high]

    def _over(self, name: str) -> bool:
        return self.vitals[name] > VITALS[name][1]


def main(wanted: Sequence[str]) -> int:
    with new_shop() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(playwright), args=CHROMIUM)
        try:
            pages = visits(browser, address)
            slow = interactions(browser, address) if not wanted or "interacción" in wanted else {}
        finally:
            browser.close()
        for name, milliseconds in slow.items():
            print(f"interaction, {name}: {milliseconds:.0f} ms", flush=True)
        environment = {
            "CHROME_PATH": chromium(playwright),
            "PATH": f"{modern_node().parent}{os.pathsep}{os.environ['PATH']}",
        }
        figures = [
            measured(visit, {**os.environ, **environment})
            for visit in pages
            if not wanted or visit.name in wanted
        ]
    missed = [miss for one in figures for miss in one.misses()]
    missed += [
        f"interaction, {name}: {ms:.0f} ms > {LONGEST_MS:.0f}" for name, ms in slow.items() if ms > LONGEST_MS
    ]
    text = report(figures, slow, missed)
    print(f"\n{text}", flush=True)
    if not wanted:
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        REPORT.write_text(text)
    return 1 if missed else 0


def visits(browser: Browser, address: str) -> list[Visit]:
    """The pages of a purchase, seen by a guest, and by a shopper with an order and two lines in the cart."""
    shopper = shopper_with_a_cart(browser, address)
    return [
        Visit("catálogo", f"{address}/productos", ""),
        Visit("producto", f"{address}{shopper.product}", ""),
        Visit("carrito", f"{address}/carrito", shopper.cookies),
        Visit("revisar", f"{address}/pagar/revisar", shopper.cookies),
        Visit("pedido", f"{address}{shopper.order}", shopper.cookies),
    ]


def measured(visit: Visit, environment: dict[str, str]) -> Figures:
    results = []
    for number in range(1, RUNS + 1):
        result = one_run(visit, environment)
        scores = "/".join(str(score(result, name)) for name in CATEGORIES)
        vitals = ", ".join(f"{name} {shown(name, value(result, name))}" for name in VITALS)
        print(f"{visit.name} {number}/{RUNS}: {scores}  {vitals}", flush=True)
        results.append(result)
    return Figures(
        visit.name,
        {name: round(median(score(result, name) for result in results)) for name in CATEGORIES},
        {name: median(value(result, name) for result in results) for name in VITALS},
        {name: max(value(result, name) for result in results) for name in VITALS},
        tuple(dict.fromkeys(remark for result in results for remark in remarks(result))),
    )


def one_run(visit: Visit, environment: dict[str, str]) -> Result:
    """Lighthouse's own result, of a Chromium of its own. Raises RuntimeError when it gives none in two attempts."""
    with tempfile.TemporaryDirectory() as folder:
        headers = Path(folder) / "headers.json"
        headers.write_text(json.dumps({"Cookie": visit.cookies} if visit.cookies else {}))
        command = [
            "node", str(COMMAND), visit.address, "--quiet", "--output=json", "--output-path=stdout",
            f"--only-categories={','.join(CATEGORIES)}", f"--extra-headers={headers}",
            f"--chrome-flags=--headless=new {' '.join(CHROMIUM)}",
        ]  # fmt: skip
        for _attempt in range(2):
            done = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                return dict(json.loads(done.stdout))
    raise RuntimeError(f"Lighthouse failed: {done.stderr[-3000:]}")


def score(result: Result, name: str) -> int:
    return round(100 * (result["categories"][name]["score"] or 0))


def value(result: Result, name: str) -> float:
    return float(result["audits"][VITALS[name][0]]["numericValue"])


def remarks(result: Result) -> Iterator[str]:
    """The audits that cost points."""
    for category in CATEGORIES:
        for reference in result["categories"][category]["auditRefs"]:
            audit = result["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < 0.9:
                yield f"{audit['id']} {audit.get('displayValue', '')}".strip()


def report(figures: Sequence[Figures], slow: dict[str, float], missed: Sequence[str]) -> str:
    head = [
        "page",
        *CATEGORIES,
        *(f"{name} ≤ {limit:.4g}" for name, (_audit, limit, _unit) in VITALS.items()),
    ]
    rows = [
        [
            one.name,
            *map(str, one.scores.values()),
            *(f"{shown(name, one.vitals[name])} ({shown(name, one.worst[name])})" for name in VITALS),
        ]
        for one in figures
    ]
    lines = [
        "# The shop on a slow phone",
        "",
        f"`make lighthouse`: Lighthouse 13, mobile, the median of {RUNS} runs and the worst in parentheses; times in ms.",
        "",
        table(head, rows),
    ]
    if slow:
        lines += [
            "",
            f"From a finger to the next picture, 390 px, CPU ×4, 1.6 Mbit/s, 150 ms away; at most {LONGEST_MS:.0f} ms.",
            "",
            table(["action", "ms"], [[name, f"{milliseconds:.0f}"] for name, milliseconds in slow.items()]),
        ]
    lines += ["", *(f"- {one.name}: {remark}" for one in figures for remark in one.remarks)]
    lines += [f"- **beyond its limit:** {miss}" for miss in missed] or ["Everything is within its limit."]
    return "\n".join(lines) + "\n"


def shown(name: str, figure: float) -> str:
    return f"{figure:.0f}" if VITALS[name][2] else f"{figure:.3f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
