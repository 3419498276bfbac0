"""Looks for what must not be in the repository: secrets, data, packages that no hash holds. Needs no network.

``python -m operations.scan`` prints each finding as ``file:line: what`` and exits 1 where there is one.
"""

import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRIVATE_FILES = re.compile(r"(^|/)(\.env|id_(rsa|ed25519)|[^/]+\.(db|db-wal|pem|key|p12|dump))$")
KNOWN_SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "a cloud key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{35}\b"),
    "an access token": re.compile(
        r"\b(gh[pousr]_\w{36}|xox[abprs]-[\w-]{20,}|sk_live_\w{20,}|pypi-[\w-]{50,})"
    ),
}
NAMED_SECRET = re.compile(
    r"(?i)(?:secret|password|passwd|token|api_?key|contraseña)\w*[\"']?\s*[:=]\s*[\"']?([\w+/=-]{20,}+)(?!…)"
)
LONGEST_LINE = 2000  # beyond it is no text that a person wrote
RANDOM_BITS = 3.6  # of a character: names and sentences stay below, random text does not
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bench.lock", "requirements-node.lock")
PACKAGE_LOCKS = ("package-lock.json", "bench/lighthouse/package-lock.json")


def main() -> int:
    try:
        findings = [*secrets(), *loose_packages()]
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"scan: needs git and the repository's files: {error}", file=sys.stderr)
        return 2
    for finding in findings:
        print(finding)
    print(
        f"scan: {len(findings)} findings" if findings else "scan: no secret, every package held by its hash"
    )
    return 1 if findings else 0


def secrets() -> Iterator[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if PRIVATE_FILES.search(name):
            yield f"{name}: such a file is not committed"
        yield from in_file(name, ROOT / name)


def in_file(name: str, file: Path) -> Iterator[str]:
    try:
        lines = file.read_text().splitlines()
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return
    for number, line in enumerate(lines, 1):
        if len(line) <= LONGEST_LINE:
            yield from (f"{name}:{number}: {what}" for what in in_line(line))


def in_line(line: str) -> Iterator[str]:
    for what, pattern in KNOWN_SECRETS.items():
        if pattern.search(line):
            yield what
    if any(is_random(found[1]) for found in NAMED_SECRET.finditer(line)):
        yield "what looks like a secret"


def is_random(text: str) -> bool:
    """Whether ``text`` has the digits, the letters and the disorder of a generated secret."""
    if not re.search(r"\d", text) or not re.search(r"[A-Za-z]", text):
        return False
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) > RANDOM_BITS


def loose_packages(root: Path = ROOT) -> Iterator[str]:
    """Packages that could be replaced on their way: without a version, or without a hash."""
    for lock in LOCKS:
        entries = re.sub(r"\\\n\s*", "", (root / lock).read_text()).splitlines()
        for entry in entries:
            if (
                entry
                and not entry.startswith((" ", "#"))
                and not re.match(r"\S+==\S+.*--hash=sha256:", entry)
            ):
                yield f"{lock}: {entry.split()[0]} has no version or no hash"
    for lock in PACKAGE_LOCKS:
        for name, package in json.loads((root / lock).read_text())["packages"].items():
            if name and not package.get("integrity", "").startswith("sha512-"):
                yield f"{lock}: {name} has no integrity hash"


if __name__ == "__main__":
    sys.exit(main())
