"""How programs start: what they refuse, where their settings come from, the original sample (contract.md section 7; P29)."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.wire import exchange, request
from tests.ports import free_port
from tests.shop import FILES, ROOT, SECRET, Service

CONFIGURATION_ERROR, UNAVAILABLE = 78, 69
Program = Callable[..., Service]
SAMPLE = """SECRET_KEY=tu_clave_secreta_super_segura_aqui
DATABASE_URL=sqlite:///database.db
PORT=5000
DEBUG=True
JWT_EXPIRATION_HOURS=24
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Gives a service that is not started, in a folder with a ``.env`` and an almost empty environment."""
    made: list[Service] = []

    def make(name: str = "usuarios", env_file: str = "", root: Path = ROOT, **environment: str) -> Service:
        (tmp_path / ".env").write_text(env_file)
        port = free_port()
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(root),
            f"{name.upper()}_PORT": str(port),
            **environment,
        }
        service = Service(name, tmp_path, environment, f"sqlite:///{tmp_path / FILES[name]}", port)
        made.append(service)
        return service

    yield make
    for service in made:
        if service.process is not None and service.process.poll() is None:
            service.kill()
        service.session.close()


def run_to_its_end(service: Service) -> tuple[int, list[str], float]:
    """Its exit status, the lines it wrote to standard error, and the seconds it took."""
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service.name}"],
        cwd=service.folder,
        env=service.environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return ended.returncode, ended.stderr.splitlines(), time.monotonic() - started


def assert_refused(service: Service, status: int, *words: str) -> None:
    code, lines, seconds = run_to_its_end(service)
    assert code == status, lines
    assert len(lines) == 1, lines
    for word in (service.name, *words):
        assert word in lines[0]
    assert seconds < 10
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", service.port)) != 0
    assert not list(service.folder.glob("*.db*"))


BAD_SECRETS = {
    "missing": None,
    "empty": "",
    "blank": "   ",
    "short": "x" * 31,
    "a secret of the original services": "fallback_secret",
    "a published sample": "tu_clave_secreta_super_segura_aqui",
}


@pytest.mark.parametrize("secret", BAD_SECRETS.values(), ids=BAD_SECRETS.keys())
def test_no_service_starts_with_a_weak_secret(program: Program, secret: str | None) -> None:
    environment = {} if secret is None else {"SECRET_KEY": secret}
    assert_refused(program("usuarios", **environment), CONFIGURATION_ERROR, "SECRET_KEY")


@pytest.mark.parametrize("name", ["productos", "pedidos"])
def test_the_other_services_are_as_strict(program: Program, name: str) -> None:
    assert_refused(program(name, SECRET_KEY="productos123"), CONFIGURATION_ERROR, "SECRET_KEY")


@pytest.mark.parametrize("secret", ["missing", "a secret of the original services"])
def test_under_debug_on_loopback_a_weak_secret_only_warns(program: Program, secret: str) -> None:
    environment = {name: text for name, text in (("SECRET_KEY", BAD_SECRETS[secret]),) if text}
    usuarios = program("usuarios", DEBUG="True", **environment)
    usuarios.start()
    assert "SECRET_KEY" in usuarios.log.read_text()
    for path in ("/console", "/?__debugger__=yes&cmd=resource&f=style.css"):
        assert usuarios.get(path).status_code == 404


def test_debug_is_refused_off_loopback_and_so_is_a_host_without_names(program: Program) -> None:
    good = {"SECRET_KEY": SECRET}
    assert_refused(program(HOST="127.0.0.2", DEBUG="True", **good), CONFIGURATION_ERROR, "DEBUG")
    assert_refused(program(HOST="127.0.0.2", **good), CONFIGURATION_ERROR, "HOSTS_PERMITIDOS")
    assert_refused(program(HOST="0.0.0.0", **good), CONFIGURATION_ERROR, "HOSTS_PERMITIDOS")
    both = {"DEBUG": "True", "HOSTS_PERMITIDOS": "tienda.test"}
    assert_refused(program(HOST="0.0.0.0", **both, **good), CONFIGURATION_ERROR, "DEBUG")


def test_off_loopback_the_listed_names_are_answered_and_no_others(program: Program) -> None:
    usuarios = program(SECRET_KEY=SECRET, HOST="127.0.0.2", HOSTS_PERMITIDOS="Tienda.test, 127.0.0.2")
    usuarios.url = f"http://127.0.0.2:{usuarios.port}"
    usuarios.start()
    for host, status in (("tienda.test", 200), ("127.0.0.2", 200), ("127.0.0.1", 400), ("malo.test", 400)):
        assert usuarios.get("/health", headers={"Host": host}).status_code == status
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", usuarios.port)) != 0


def test_on_loopback_listed_names_take_the_place_of_its_own(program: Program) -> None:
    usuarios = program(SECRET_KEY=SECRET, HOSTS_PERMITIDOS="tienda.test,127.0.0.1")
    usuarios.start()
    assert exchange(usuarios, request("GET /health", host="Host: tienda.test\r\n")).status == 200
    assert exchange(usuarios, request("GET /health", host="Host: localhost\r\n")).status == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [("USUARIOS_PORT", "puerto"), ("DATABASE_URL", "mysql://localhost/x"), ("DEBUG", "quizás")],
)
def test_a_setting_that_makes_no_sense_is_named(program: Program, name: str, value: str) -> None:
    assert_refused(program(**{"SECRET_KEY": SECRET, name: value}), CONFIGURATION_ERROR, name)


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(program: Program) -> None:
    usuarios = program(
        env_file=f'SECRET_KEY="{SECRET}"\nUSUARIOS_PORT=1\nPORT=2\nDATABASE_URL=sqlite:///otra/base.db\nDEBUG=x\n',
        DEBUG="False",
    )
    usuarios.start()  # on the port of the environment
    assert (usuarios.folder / "otra" / "usuarios.db").is_file()


def test_port_in_the_file_is_the_storefronts_and_in_the_environment_the_programs(program: Program) -> None:
    port = free_port()
    usuarios = program(
        env_file=f"SECRET_KEY={SECRET}\nPORT=1\nUSUARIOS_PORT=1\n", PORT=str(port), USUARIOS_PORT="2"
    )
    usuarios.url = f"http://127.0.0.1:{port}"
    usuarios.start()


def test_without_a_database_url_the_file_stands_in_the_working_folder(program: Program) -> None:
    usuarios = program(SECRET_KEY=SECRET)
    usuarios.start()
    file = usuarios.folder / "usuarios.db"
    assert file.is_file()
    assert [stray.name for stray in usuarios.folder.iterdir() if stray.stat().st_mode & 0o077] in (
        [[]]
        + [[name] for name in (".env", "usuarios.log")]
        + [[".env", "usuarios.log"], ["usuarios.log", ".env"]]
    )  # what it wrote itself is for its own user alone


def test_a_service_may_have_a_database_of_its_own(program: Program) -> None:
    usuarios = program(
        SECRET_KEY=SECRET, DATABASE_URL="sqlite:///base.db", USUARIOS_DATABASE_URL="sqlite:///aparte/mis.db"
    )
    usuarios.start()
    assert (usuarios.folder / "aparte" / "mis.db").is_file()
    assert not (usuarios.folder / "usuarios.db").exists()


def test_the_original_sample_works_as_it_is_with_all_services_at_once(program: Program) -> None:
    ports = {f"{name.upper()}_PORT": str(free_port()) for name in FILES}  # the fixed ones may be taken here
    services = {name: program(name, env_file=SAMPLE, **ports) for name in FILES}
    for service in services.values():
        service.port = int(ports[f"{service.name.upper()}_PORT"])
        service.url = f"http://127.0.0.1:{service.port}"
        service.start(wait=False)
    for service in services.values():
        service.wait_ready()
    account = {"nombre": "Ana", "email": "ana@tienda.test", "password": "secreta 123"}
    assert services["usuarios"].post("/registro", json=account).status_code == 201
    token = services["usuarios"].post("/login", json=account).json()["token"]
    product = {"nombre": "Taza", "precio": 12.5}
    assert services["productos"].post("/productos", token, json=product).status_code == 201
    order = {"usuario_id": 1, "producto_id": 1, "cantidad": 1}
    assert services["pedidos"].post("/pedidos", token, json=order).status_code == 201
    folder = services["usuarios"].folder
    assert {file.name for file in folder.glob("*.db")} == set(FILES.values())


@pytest.mark.parametrize("name", FILES)
def test_a_service_runs_with_nothing_but_itself_and_what_is_common(
    program: Program, tmp_path: Path, name: str
) -> None:
    root = tmp_path / "desplegado"
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("common", name):
        shutil.copytree(ROOT / "services" / part, root / "services" / part, ignore=ignore)
    shutil.copy(ROOT / "services" / "__init__.py", root / "services")
    service = program(name, root=root, SECRET_KEY=SECRET, PRODUCTOS_URL="")
    service.start()
    assert service.get("/health").status_code == 200


def test_a_database_that_does_not_answer_is_one_clear_line_without_its_password(program: Program) -> None:
    url = f"postgresql://pingui:canario-clave@127.0.0.1:{free_port()}/tienda"
    code, lines, _ = run_to_its_end(program(SECRET_KEY=SECRET, DATABASE_URL=url))
    assert (code, len(lines)) == (UNAVAILABLE, 1), lines
    assert "database" in lines[0]
    assert "canario" not in lines[0]


@pytest.mark.parametrize(
    "trouble", ["no database", "random bytes", "cut off", "a damaged name", "a folder", "a newer version"]
)
def test_a_file_that_cannot_be_used_is_one_clear_line_and_stays_as_it_is(
    program: Program, trouble: str
) -> None:
    usuarios = program(SECRET_KEY=SECRET)
    file = usuarios.folder / "usuarios.db"
    if trouble in ("cut off", "a damaged name", "a newer version"):
        usuarios.start()
        assert usuarios.stop() == 0
    if trouble == "no database":
        file.write_bytes(b"nombre,email\nana,ana@tienda.test\n" * 50)
    elif trouble == "random bytes":
        file.write_bytes(bytes(range(256)) * 32)
    elif trouble == "cut off":
        file.write_bytes(file.read_bytes()[:5000])
    elif trouble == "a damaged name":
        file.write_bytes(file.read_bytes().replace(b"tableusuarios", b"table\xcf\xcfuarios"))
    elif trouble == "a folder":
        file.mkdir()
    else:
        usuarios.sql("UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes() if file.is_file() else None
    code, lines, _ = run_to_its_end(usuarios)
    assert (code, len(lines)) == (UNAVAILABLE, 1), lines
    assert "usuarios" in lines[0]
    assert (file.read_bytes() if file.is_file() else None) == before
