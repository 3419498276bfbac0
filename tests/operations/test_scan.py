"""The scan finds secrets and packages that no hash holds, and says nothing of what is neither (P51)."""

import json
import secrets
import shutil
from pathlib import Path

import jwt
import pytest

from operations.scan import LOCKS, PACKAGE_LOCKS, ROOT, in_line, loose_packages, main


def test_the_repository_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        f"SECRET_KEY={secrets.token_urlsafe(48)}1a",
        f'"password": "{secrets.token_hex(32)}f0",',
        f"token = '{jwt.encode({'usuario_id': 1}, 'k' * 32)}'",
        jwt.encode({"usuario_id": 1}, "k" * 32),
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "aws = AKIA" + "ABCDEFGHIJKLMNOP",
        "GITHUB=ghp_" + "a1" * 18,
    ],
    ids=["setting", "json", "assigned token", "token", "private key", "cloud key", "forge token"],
)
def test_secrets_are_found(line: str) -> None:
    assert list(in_line(line))


@pytest.mark.parametrize(
    "line",
    [
        "SECRET_KEY=",
        'SECRET = "a secret of the tests, forty bytes long.."',
        "PUBLISHED = 'change_this_to_a_random_secret_of_32_bytes'",
        'self.token = request.headers["Authorization"]',
        "    --hash=sha256:83490def1f723413db5096591f7609ac52544805be93849170088ed04f5a2e0b",
        '{"token":"eyJhbGciOiJIUzI1NiIs…"}',
    ],
)
def test_what_is_no_secret_is_not(line: str) -> None:
    assert not list(in_line(line))


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    for name in (*LOCKS, *PACKAGE_LOCKS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_packages_without_a_hash_are_found(locks: Path) -> None:
    assert list(loose_packages(locks)) == []
    with (locks / "requirements.lock").open("a") as lock:
        lock.write("loose==1.0\nlooser>=2 \\\n    --hash=sha256:00\n")
    packages = json.loads((locks / "package-lock.json").read_text())
    del packages["packages"]["node_modules/htmx.org"]["integrity"]
    (locks / "package-lock.json").write_text(json.dumps(packages))
    assert list(loose_packages(locks)) == [
        "requirements.lock: loose==1.0 has no version or no hash",
        "requirements.lock: looser>=2 has no version or no hash",
        "package-lock.json: node_modules/htmx.org has no integrity hash",
    ]
