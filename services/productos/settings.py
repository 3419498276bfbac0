"""What the catalogue service reads from its environment (contract.md section 7)."""

import re
from dataclasses import dataclass

from services.common.settings import Environment, ServiceSettings, SettingsError, service_settings

CURRENCY = re.compile("[A-Z]{3}")
DEFAULT_CURRENCY = "MXN"


@dataclass(frozen=True)
class Settings:
    """``open_catalogue``: any signed-in person may add products. ``demo``: an empty catalogue is filled at start."""

    service: ServiceSettings
    open_catalogue: bool
    moneda: str
    demo: bool

    @classmethod
    def read(cls) -> "Settings":
        """Raise SettingsError with one clear line."""
        environment = Environment.read()
        return cls(
            service=service_settings(environment, "productos", 5001, "productos.db"),
            open_catalogue=environment.flag("CATALOGO_ABIERTO"),
            moneda=currency(environment.text("MONEDA") or DEFAULT_CURRENCY),
            demo=environment.flag("DEMO"),
        )


def currency(code: str) -> str:
    """An ISO currency code; raise SettingsError unless its amounts have two decimals."""
    if code == DEFAULT_CURRENCY:
        return code
    # Babel is loaded only for a currency that must be looked up.
    from babel.core import get_global
    from babel.numbers import get_currency_precision

    known = CURRENCY.fullmatch(code) and code in get_global("all_currencies")
    if not known or get_currency_precision(code) != 2:
        raise SettingsError(f"MONEDA must be the ISO code of a currency with two decimals, not {code!r}")
    return code
