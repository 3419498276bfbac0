"""What stands in deploy/ is proved without a container engine or a public host: it is read as its programs read it."""

import importlib.util
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from services.common.settings import Environment, ServiceSettings
from services.pedidos.settings import Settings as Pedidos
from services.productos.settings import Settings as Productos
from services.usuarios.settings import Settings as Usuarios
from storefront.settings import load_settings
from tests.scale.proxies import Nginx
from tests.shop import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
PROGRAMS = ("usuarios", "productos", "pedidos", "storefront")
SERVICES: dict[str, Any] = {"usuarios": Usuarios, "productos": Productos, "pedidos": Pedidos}
TOLD = {
    "SECRET_KEY": "s" * 48,
    "STOREFRONT_SECRET_KEY": "t" * 48,
    "STOREFRONT_PASSWORD": "p" * 48,
    "POSTGRES_PASSWORD": "q" * 48,
    "TIENDA": "tienda.example",
}
VARIABLE = re.compile(r"\$\{(\w+)(:\?|:-)?([^}]*)\}")


def interpolated(text: str) -> str:
    """As Compose fills it in; a variable that nobody promised in the file's head is an error."""

    def value(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        return default if kind == ":-" and name not in TOLD else TOLD[name]

    return VARIABLE.sub(value, text)


def environment_of(service: str) -> dict[str, str]:
    return {
        name: interpolated(str(value)) for name, value in COMPOSE["services"][service]["environment"].items()
    }


def settings_of(
    service: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> ServiceSettings:
    """As the service itself reads them."""
    monkeypatch.setattr(Environment, "read", lambda: Environment(environment, {}))
    settings: ServiceSettings = SERVICES[service].read().service
    return settings


def known_settings() -> set[str]:
    """Every name that the programs read, by the text of the modules that read settings."""
    files = [ROOT / "services/common/settings.py", ROOT / "storefront/settings.py"]
    files += [ROOT / f"services/{name}/settings.py" for name in SERVICES]
    names = {name for file in files for name in re.findall(r'"([A-Z][A-Z_]+)"', file.read_text())}
    for name in SERVICES:
        names |= {f"{name.upper()}_{end}" for end in ("URL", "PORT", "DATABASE_URL")}
    return names


def test_the_proxies_files_are_what_nginx_takes(tmp_path: Path) -> None:
    nginx = Nginx(
        tmp_path,
        8443,
        8080,
        [5000, 5010],
        {5003: (6003, [5003, 5013]), 5001: (6001, [5001]), 5002: (6002, [5002])},
    )
    assert "test is successful" in nginx.check()
    (tmp_path / "conf.d/more.conf").write_text("proxy_next_upstream sometimes;")
    with pytest.raises(AssertionError, match="sometimes"):
        nginx.check()


@pytest.mark.parametrize("program", PROGRAMS)
def test_compose_starts_programs_that_are_there_with_settings_that_they_read(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = COMPOSE["services"][program]
    (module,) = service["command"]
    assert importlib.util.find_spec(f"{module}.__main__")
    environment = environment_of(program)
    assert set(environment) <= known_settings()
    if program == "storefront":
        assert load_settings(environment, Path("/nowhere")).pedidos_url == "http://pedidos:5002"
    else:
        assert settings_of(program, environment, monkeypatch).database.host == "postgres"


def test_compose_names_only_what_it_defines() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        networks, needed = service["networks"], service.get("depends_on", [])
        assert set(networks) <= set(COMPOSE["networks"]), name
        assert set(needed) <= set(services), name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"], name
    head = (DEPLOY / "compose.yaml").read_text().split("\nx-program")[0]
    needed_variables = {
        found[0] for found in VARIABLE.findall((DEPLOY / "compose.yaml").read_text()) if found[1] == ":?"
    }
    assert needed_variables == {name for name in TOLD if re.search(rf"\b{name}\b", head)}


def test_the_programs_of_compose_call_each_other_by_names_they_answer_to() -> None:
    services = COMPOSE["services"]
    for program in ("pedidos", "storefront"):
        for name, url in environment_of(program).items():
            if name.endswith("_URL") and url.startswith("http"):
                host, port = url.removeprefix("http://").split(":")
                assert host in services
                assert host in environment_of(host)["HOSTS_PERMITIDOS"].split(",")
                assert int(port) == {"usuarios": 5003, "productos": 5001, "pedidos": 5002}[host]
    storefront = services["storefront"]["networks"]["pingui"]["ipv4_address"]
    assert environment_of("usuarios")["PROXIES_CONFIABLES"] == storefront
    gateway = COMPOSE["networks"]["pingui"]["ipam"]["config"][0]["gateway"]
    assert environment_of("storefront")["PROXIES_CONFIABLES"] == gateway


def settings_file(path: Path) -> dict[str, str]:
    lines = [line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and line[0] != "#"]
    return {name: value or TOLD.get(name, "") for name, value in lines}


def test_the_servers_settings_are_read_by_every_program(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = settings_file(DEPLOY / "pingui.env")
    assert set(environment) <= known_settings()
    for service in SERVICES:
        assert settings_of(service, environment, monkeypatch).proxies == ("127.0.0.1",)
    assert load_settings(environment, Path("/nowhere")).proxies == {"127.0.0.1"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = []
    for unit in (DEPLOY / "systemd").iterdir():
        units.append(tmp_path / unit.name)
        units[-1].write_text(
            unit.read_text().replace("/opt/pingui/.venv/bin/python", shutil.which("python3") or "")
        )
    command = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_units_start_programs_that_are_there() -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        for module in re.findall(r"python -m ([\w.]+)", unit.read_text()):
            assert importlib.util.find_spec(module), unit.name
    head = (DEPLOY / "systemd/pingui@.service").read_text().split("[Unit]")[0]
    instances = re.findall(r"pingui@([\w.]+\w)", head)
    assert len(instances) == len(PROGRAMS)
    assert all(importlib.util.find_spec(f"{module}.__main__") for module in instances)


def test_the_image_is_made_of_what_is_locked() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest = project["requires-python"].removeprefix(">=")
    assert set(re.findall(r"FROM python:([\d.]+)-", text)) == {lowest}
    assert "--require-hashes --only-binary :all: -r requirements.lock" in text
    assert "USER pingui" in text
    for module in re.findall(r"python -m (operations[\w.]+)", text):
        assert importlib.util.find_spec(module)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert all((ROOT / line[1:]).exists() for line in ignored if line.startswith("!"))
    assert not any(".env" in line for line in ignored if line.startswith("!"))
