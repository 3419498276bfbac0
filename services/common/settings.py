"""Settings: environment variables, with the root's .env beneath them, read once and validated."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SECRET_BYTES = 32
# Secrets that were printed in a README, a sample or a source file once: everybody knows them.
PUBLISHED_SECRETS = frozenset(
    {
        "fallback_secret",
        "productos123",
        "pedido123",
        "usuarios123",
        "tu_clave_secreta",
        "tu_clave_secreta_aqui",
        "tu_clave_secreta_muy_segura",
        "tu_clave_secreta_super_segura_aqui",
        "your_secret_key",
        "your-secret-key",
        "your_super_secret_key_change_this_in_production",
        "change-me-in-production-please-32-bytes",
        "change_this_to_a_random_secret_of_32_bytes",
        "supersecretkey",
    }
)
DEVELOPMENT_SECRET = "development secret, accepted on loopback under DEBUG only"  # noqa: S105 - refused everywhere else

T = TypeVar("T")


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line for the person who starts the program."""


class Environment:
    """The settings as text: the process's environment wins over the file ``.env``.

    ``.env`` is looked for in the working folder, then at the root of the project.
    """

    def __init__(self, process: Mapping[str, str], file: Mapping[str, str | None]) -> None:
        self.process = process
        self._values = {**{name: text for name, text in file.items() if text is not None}, **process}

    @classmethod
    def read(cls) -> "Environment":
        candidates = (Path.cwd() / ".env", ROOT / ".env")
        file = next((path for path in candidates if path.is_file()), None)
        return cls(os.environ, dotenv_values(file) if file else {})

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, default).strip()

    def has(self, name: str) -> bool:
        return name in self._values

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(name).split(",") if word.strip())

    def flag(self, name: str) -> bool:
        text = self.text(name).lower()
        if text in ("", "0", "false", "no", "off"):
            return False
        if text in ("1", "true", "yes", "on", "si", "sí"):
            return True
        raise SettingsError(f"{name} must be true or false, not {text!r}")

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``, the first where the setting is absent."""
        text = self.text(name).lower() or choices[0]
        if text not in choices:
            raise SettingsError(f"{name} must be one of {', '.join(choices)}, not {text!r}")
        return text

    def whole(self, name: str, default: int, lowest: int = 0, highest: int = 2**31 - 1) -> int:
        number = self._number(name, default, int)
        if not lowest <= number <= highest:
            raise SettingsError(f"{name} must be from {lowest} to {highest}, not {number}")
        return number

    def seconds(self, name: str, default: float) -> float:
        number = self._number(name, default, float)
        if not 0 < number < 10**9:
            raise SettingsError(f"{name} must be a positive number of seconds")
        return number

    def _number(self, name: str, default: T, convert: Callable[[str], T]) -> T:
        text = self.text(name)
        if not text:
            return default
        try:
            return convert(text)
        except ValueError:
            raise SettingsError(f"{name} must be a number, not {text!r}") from None

    def address(self, name: str, default: str) -> str:
        """An http address without a trailing slash, or "" where it was set empty."""
        text = self.text(name, default).rstrip("/")
        if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname):
            raise SettingsError(f"{name} must be an address like {default}, not {text!r}")
        return text


@dataclass(frozen=True)
class ServiceSettings:
    """What every service reads. ``hosts`` are the host names answered; secrets are bytes for HS256."""

    name: str
    port: int
    host: str
    hosts: tuple[str, ...]
    debug: bool
    secret: str
    previous_secrets: tuple[str, ...]
    database: URL
    base_file: Path | None
    proxies: tuple[str, ...]
    log_as_text: bool


def service_settings(environment: Environment, name: str, port: int, file_name: str) -> ServiceSettings:
    """Read the settings of the service ``name``; raise SettingsError with one clear line."""
    prefix = name.upper()
    host = environment.text("HOST", "127.0.0.1")
    debug = environment.flag("DEBUG")
    if debug and host not in LOOPBACK:
        raise SettingsError("DEBUG=True is for loopback only; set DEBUG=False or HOST=127.0.0.1")
    # PORT in .env is the storefront's; in the process's own environment it is this process's.
    own_port = "PORT" if "PORT" in environment.process else f"{prefix}_PORT"
    database, base_file = database_of(environment, name, file_name)
    return ServiceSettings(
        name=name,
        port=environment.whole(own_port, port, 1, 65535),
        host=host,
        hosts=_hosts(environment, host),
        debug=debug,
        secret=_secret(environment, debug),
        previous_secrets=environment.words("SECRET_KEY_ANTERIORES"),
        database=database,
        base_file=base_file,
        proxies=environment.words("PROXIES_CONFIABLES"),
        log_as_text=environment.choice("LOG_FORMAT", ("json", "text")) == "text",
    )


def _hosts(environment: Environment, host: str) -> tuple[str, ...]:
    named = environment.words("HOSTS_PERMITIDOS")
    if not named and host not in LOOPBACK:
        raise SettingsError(f"HOSTS_PERMITIDOS must list the host names answered when HOST is {host}")
    return named or ("127.0.0.1", "localhost", "[::1]")


def _secret(environment: Environment, debug: bool) -> str:
    secret = environment.text("SECRET_KEY")
    trouble = ""
    if not secret:
        trouble = "SECRET_KEY is missing"
    elif secret in PUBLISHED_SECRETS:
        trouble = "SECRET_KEY is a published sample"
    elif len(secret.encode()) < SECRET_BYTES:
        trouble = f"SECRET_KEY is shorter than {SECRET_BYTES} bytes"
    if trouble and not debug:
        raise SettingsError(f"{trouble}; 'make setup' writes a .env with a random one")
    if trouble:
        print(f"warning: {trouble}; accepted because DEBUG=True on loopback", flush=True)
    return secret or DEVELOPMENT_SECRET


def database_of(environment: Environment, name: str, file_name: str) -> tuple[URL, Path | None]:
    """The database of the service ``name``, and the base file beside which it stands (SQLite only)."""
    variable = f"{name.upper()}_DATABASE_URL"
    own = environment.text(variable)
    base = _url("DATABASE_URL", environment.text("DATABASE_URL") or "sqlite:///database.db")
    base_file = _file("DATABASE_URL", base) if base.get_backend_name() == "sqlite" else None
    if own:
        url = _url(variable, own)
        if url.get_backend_name() == "sqlite":
            url = url.set(database=str(_file(variable, url)))
    elif base_file is not None:
        url = base.set(database=str(base_file.with_name(file_name)))
    else:
        url = base
    return url, base_file


def _url(variable: str, text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError(
            f"{variable} must be like sqlite:///file.db or postgresql://user:password@host/name"
        ) from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise SettingsError(f"{variable} must name a sqlite or postgresql database")
    return url.set(drivername="sqlite")


def _file(variable: str, url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise SettingsError(f"{variable} must name a file: the shop keeps its data on disk")
    return Path(url.database).absolute()
