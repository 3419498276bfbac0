"""Reads the storefront's own settings once: the environment first, then `.env` at the repository's root.

The names are those of contract.md section 7. A bad value stops the program with exit 78 and one line that
names it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from babel.numbers import get_currency_precision, list_currencies
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHORTEST_SECRET = 32
TRUE = frozenset({"1", "true", "yes", "si", "sí", "on"})
FALSE = frozenset({"", "0", "false", "no", "off"})


class SettingsError(Exception):
    """A setting that the storefront cannot start with; the message is the line shown to its operator."""


@dataclass(frozen=True)
class Settings:
    """What the storefront was told. `secret` and the reader account may be empty only under `debug`."""

    usuarios_url: str
    productos_url: str
    pedidos_url: str
    host: str = "127.0.0.1"
    port: int = 5000
    hosts: frozenset[str] = field(default_factory=frozenset)
    secret: str = ""
    reader_email: str = ""
    reader_password: str = ""
    currency: str = "MXN"
    debug: bool = False
    database: Path = Path("storefront.db")
    redis_url: str = ""
    log_as_text: bool = False
    proxies: frozenset[str] = field(default_factory=frozenset)


def is_loopback(host: str) -> bool:
    return host.strip("[]").lower() in LOOPBACK


def load_settings(environment: Mapping[str, str] | None = None, dotenv: Path = ROOT / ".env") -> Settings:
    """The settings of this process. Raises SettingsError."""
    values = {name: value for name, value in dotenv_values(dotenv).items() if value is not None}
    values.update(os.environ if environment is None else environment)
    host = values.get("HOST", "").strip() or "127.0.0.1"
    debug = _boolean(values, "DEBUG")
    hosts = _names(values, "HOSTS_PERMITIDOS")
    if not is_loopback(host):
        if debug:
            raise SettingsError("DEBUG=True is refused when HOST is not loopback")
        if not hosts:
            raise SettingsError("HOSTS_PERMITIDOS must list the shop's host names when HOST is not loopback")
    return Settings(
        usuarios_url=_service_url(values, "USUARIOS", 5003),
        productos_url=_service_url(values, "PRODUCTOS", 5001),
        pedidos_url=_service_url(values, "PEDIDOS", 5002),
        host=host,
        port=_port(values, "PORT", 5000),
        hosts=hosts,
        secret=_secret(values, debug),
        reader_email=_reader(values, "STOREFRONT_EMAIL", debug),
        reader_password=_reader(values, "STOREFRONT_PASSWORD", debug),
        currency=_currency(values),
        debug=debug,
        database=_database(values),
        redis_url=_redis(values),
        proxies=_names(values, "PROXIES_CONFIABLES"),
        log_as_text=values.get("LOG_FORMAT", "").strip().lower() == "text",
    )


def _redis(values: Mapping[str, str]) -> str:
    """The Redis that several storefronts share; empty where this one is alone."""
    url = values.get("REDIS_URL", "").strip()
    try:
        parts = urlsplit(url)
        good = parts.path if parts.scheme == "unix" else parts.hostname and (parts.port or True)
    except ValueError:
        good = ""
    if url and (parts.scheme not in ("redis", "rediss", "unix") or not good):
        raise SettingsError("REDIS_URL must be like redis://host:6379/0, rediss://… or unix:///path")
    return url


def _names(values: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(one.strip().lower() for one in values.get(name, "").split(",") if one.strip())


def _boolean(values: Mapping[str, str], name: str) -> bool:
    text = values.get(name, "").strip().lower()
    if text not in TRUE | FALSE:
        raise SettingsError(f"{name} must be True or False")
    return text in TRUE


def _port(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise SettingsError(f"{name} must be a port number between 1 and 65535")
    return int(text)


def _service_url(values: Mapping[str, str], service: str, port: int) -> str:
    """The service's base address without a final slash. PEDIDOS_URL set empty is as good as absent here."""
    text = values.get(f"{service}_URL", "").strip()
    if not text:
        return f"http://127.0.0.1:{_port(values, f'{service}_PORT', port)}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"{service}_URL must be an http or https address")
    return text.rstrip("/")


def _secret(values: Mapping[str, str], debug: bool) -> str:
    secret = values.get("STOREFRONT_SECRET_KEY", "").strip()
    if secret == "" and debug:
        return ""
    if len(secret.encode()) < SHORTEST_SECRET:
        raise SettingsError(
            f"STOREFRONT_SECRET_KEY must have at least {SHORTEST_SECRET} bytes (python -c 'import secrets; "
            "print(secrets.token_urlsafe(48))' makes one)"
        )
    if secret == values.get("SECRET_KEY", "").strip():
        raise SettingsError("STOREFRONT_SECRET_KEY must not be the same as SECRET_KEY")
    return secret


def _reader(values: Mapping[str, str], name: str, debug: bool) -> str:
    text = values.get(name, "").strip()
    if not text and not debug:
        raise SettingsError(f"{name} is missing: guests browse through this reader account")
    return text


def _currency(values: Mapping[str, str]) -> str:
    code = values.get("MONEDA", "").strip() or "MXN"
    if code not in list_currencies() or get_currency_precision(code) != 2:
        raise SettingsError("MONEDA must be the ISO code of a currency with two decimals")
    return code


def _database(values: Mapping[str, str]) -> Path:
    """The storefront's own file: as told, else beside the services' SQLite files, else in the working
    directory.
    """
    told = values.get("STOREFRONT_DATABASE", "").strip()
    if told:
        return Path(told.removeprefix("sqlite:///"))
    base = values.get("DATABASE_URL", "").strip()
    folder = Path(base.removeprefix("sqlite:///")).parent if base.startswith("sqlite:///") else Path()
    return folder / "storefront.db"
