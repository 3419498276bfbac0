"""Settings as text into settings as values (contract.md section 7)."""

from pathlib import Path

import pytest

from services.common.settings import (
    PUBLISHED_SECRETS,
    Environment,
    ServiceSettings,
    SettingsError,
    service_settings,
)

GOOD = {"SECRET_KEY": "a secret of the tests with more than 32 bytes"}


def read(
    file: dict[str, str | None] | None = None, name: str = "usuarios", **process: str
) -> ServiceSettings:
    return service_settings(Environment({**GOOD, **process}, file or {}), name, 5003, f"{name}.db")


def test_the_defaults_are_the_contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read()
    assert (settings.port, settings.host, settings.debug) == (5003, "127.0.0.1", False)
    assert (settings.database.get_backend_name(), settings.database.database) == (
        "sqlite",
        str(tmp_path / "usuarios.db"),
    )
    assert settings.base_file == tmp_path / "database.db"
    assert (settings.previous_secrets, settings.proxies) == ((), ())


@pytest.mark.parametrize(
    ("file", "process", "port"),
    [
        ({}, {}, 5003),
        ({"PORT": "5000"}, {}, 5003),
        ({"PORT": "5000", "USUARIOS_PORT": "6000"}, {}, 6000),
        ({"USUARIOS_PORT": "6000"}, {"USUARIOS_PORT": "7000"}, 7000),
        ({"USUARIOS_PORT": "6000"}, {"PORT": "8000"}, 8000),
        ({}, {"PORT": "8000", "USUARIOS_PORT": "7000"}, 8000),
        ({"PORT": "5000", "USUARIOS_PORT": ""}, {}, 5003),
    ],
)
def test_port_in_the_file_is_the_storefronts(
    file: dict[str, str | None], process: dict[str, str], port: int
) -> None:
    assert read(file, **process).port == port


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///database.db", "usuarios.db"),
        ("sqlite:///datos/tienda.db", "datos/usuarios.db"),
        ("sqlite+pysqlite:///database.db", "usuarios.db"),
        ("sqlite+aiosqlite:///database.db", "usuarios.db"),
        ("", "usuarios.db"),
    ],
)
def test_the_three_files_stand_in_the_folder_of_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, file: str
) -> None:
    monkeypatch.chdir(tmp_path)
    database = read(DATABASE_URL=url).database
    assert (database.drivername, database.database) == ("sqlite", str(tmp_path / file))


def test_an_absolute_base_stays_where_it_is() -> None:
    assert read(DATABASE_URL="sqlite:////var/tienda/x.db").database.database == "/var/tienda/usuarios.db"


def test_an_own_database_wins_over_the_base() -> None:
    own = "postgresql://ana:clave@db.test/cuentas"
    settings = read(DATABASE_URL="sqlite:////var/tienda/x.db", USUARIOS_DATABASE_URL=own)
    assert settings.database.drivername == "postgresql+psycopg"
    assert settings.database.database == "cuentas"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_is_spoken_with_its_one_driver(scheme: str) -> None:
    assert read(DATABASE_URL=f"{scheme}://u@h/d").database.drivername == "postgresql+psycopg"


REFUSED = [
    ("PORT", "puerto"), ("PORT", "0"), ("PORT", "65536"), ("PORT", "-1"), ("PORT", "80.5"), ("PORT", "1e3"),
    ("DEBUG", "quizás"), ("DEBUG", "2"), ("DATABASE_URL", "mysql://localhost/x"), ("DATABASE_URL", "database.db"),
    ("DATABASE_URL", "sqlite://"), ("DATABASE_URL", "sqlite:///:memory:"), ("DATABASE_URL", "sqlite:///file:x?mode=memory"),
    ("USUARIOS_DATABASE_URL", "oracle://x"), ("HOST", "0.0.0.0"), ("HOST", "192.0.2.1"), ("HOST", "tienda.test"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_nonsense_is_refused_in_one_line_that_names_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(None, **{name: value})
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["mysql://ana:canario@h/x", "ana:canario@h", "postgresql://ana:canario@h:puerto/x"]
)
def test_a_refusal_shows_no_password(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(DATABASE_URL=url)
    assert "canario" not in str(refused.value)


@pytest.mark.parametrize("secret", [*sorted(PUBLISHED_SECRETS), "", " ", "x" * 31, "ñ" * 15])
def test_a_weak_secret_is_refused_and_under_debug_on_loopback_warned_of(
    secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        read(SECRET_KEY=secret)
    assert len(read(SECRET_KEY=secret, DEBUG="True").secret) > 0
    assert "warning: SECRET_KEY" in capsys.readouterr().out
    with pytest.raises(SettingsError, match="DEBUG"):
        read(SECRET_KEY=secret, DEBUG="True", HOST="0.0.0.0", HOSTS_PERMITIDOS="x")


@pytest.mark.parametrize("secret", ["x" * 32, "ñ" * 16, " " + "x" * 32 + " "])
def test_thirty_two_bytes_are_enough(secret: str) -> None:
    assert read(SECRET_KEY=secret).secret == secret.strip()


def test_the_published_secrets_include_those_of_the_original_services() -> None:
    assert {"fallback_secret", "productos123", "pedido123"} <= PUBLISHED_SECRETS


@pytest.mark.parametrize(
    ("text", "value"), [("True", True), ("1", True), ("sí", True), ("false", False), ("", False)]
)
def test_flags(text: str, value: bool) -> None:
    assert Environment({"DEBUG": text}, {}).flag("DEBUG") is value


def test_lists_are_separated_by_commas() -> None:
    assert read(SECRET_KEY_ANTERIORES=" a , b,, ").previous_secrets == ("a", "b")
    assert read(HOST="0.0.0.0", HOSTS_PERMITIDOS="a.test, b.test").hosts == ("a.test", "b.test")


@pytest.mark.parametrize(
    ("text", "address"),
    [(None, "http://x:1"), ("", ""), ("http://h:2/", "http://h:2"), ("https://h/base/", "https://h/base")],
)
def test_addresses_of_other_services(text: str | None, address: str) -> None:
    process = {} if text is None else {"PRODUCTOS_URL": text}
    assert Environment(process, {}).address("PRODUCTOS_URL", "http://x:1") == address


@pytest.mark.parametrize("text", ["h:2", "ftp://h", "http://", "//h", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="PRODUCTOS_URL"):
        Environment({"PRODUCTOS_URL": text}, {}).address("PRODUCTOS_URL", "http://x:1")
