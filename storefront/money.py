"""Money is integer cents; this is the one place that reads it from people and writes it for them.

Babel formats on the server only: a browser's own formatter differs from it in details (1299.9 EUR in es-ES).
"""

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel.numbers import format_currency

# Babel writes a foreign currency without a space under es_MX, so each currency has a Spanish and an
# English locale.
LOCALES = {
    "MXN": {"es": "es_MX", "en": "en_US"},
    "EUR": {"es": "es_ES", "en": "en_IE"},
    "USD": {"es": "es_US", "en": "en_US"},
}
MOST_UNITS = 10**15
PRICE = re.compile(r"\d+(?:[.,' \u00a0\u202f]\d+)*")


def locale_for(currency: str, language: str) -> str:
    """The Babel locale for prices and dates: `locale_for("MXN", "es")` is `es_MX`."""
    return LOCALES.get(currency, {"es": "es", "en": "en"})[language]


@lru_cache(maxsize=8192)
def format_cents(cents: int, currency: str, language: str, with_code: bool = False) -> str:
    """`$1,299.90`; `with_code` adds the ISO code where the sign alone could be another country's."""
    text = format_currency(Decimal(cents) / 100, currency, locale=locale_for(currency, language))
    return f"{text} {currency}" if with_code and "$" in text and currency[:2] not in text else text


def cents_of(number: object) -> int | None:
    """A price of the wire (a JSON number in units) as cents, half up; None for what is no usable number."""
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return None
    amount = Decimal(str(number))
    if not amount.is_finite() or abs(amount) > MOST_UNITS:
        return None
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def units_of(cents: int) -> float:
    """Cents as the number of units that the wire carries."""
    return cents / 100


def plain_units(cents: int) -> str:
    """Cents as a form shows them again: `1299.90`."""
    return f"{cents // 100}.{cents % 100:02d}"


def parse_price(text: str) -> int | None:
    """Cents of a price as people write it (1299.90, 1,299.90, 1299,90, $1,299); None where it cannot be read.

    A last group of one or two digits is cents; of three, thousands.
    """
    body = text.strip().lstrip("$€").strip()
    if not body.isprintable() or not PRICE.fullmatch(body) or not body.isascii():
        return None
    groups = re.split(r"[.,' ]", body)
    marks = re.findall(r"[.,' ]", body)
    decimals = "00"
    if marks and len(groups[-1]) <= 2 and marks[-1] in ".,":
        decimals = groups.pop().ljust(2, "0")
        if marks.pop() in marks:
            return None
    if len(groups) > 1 and (len(set(marks)) > 1 or not _are_thousands(groups)):
        return None
    return int("".join(groups)) * 100 + int(decimals)


def _are_thousands(groups: list[str]) -> bool:
    return 1 <= len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
