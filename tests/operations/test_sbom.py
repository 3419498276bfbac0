"""The software bill of materials: everything locked that runs, once, with its hashes; and nothing else (P51)."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from typing import Any

from operations.sbom import ROOT, document, front_end_packages, python_packages


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in found["components"]}


def test_it_names_every_locked_package_once_with_its_version_and_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    found = document()
    names = [part["name"] for part in found["components"]]
    assert sorted(names) == sorted(set(names))
    assert set(names) == {*re.findall(r"(?m)^([\w.-]+)==", lock), "htmx.org"}
    assert by_name(found)["flask"]["version"] == version("flask")
    assert sum(len(part["hashes"]) for part in found["components"]) == lock.count("--hash=sha256:") + 1
    references = [part["bom-ref"] for part in found["components"]]
    assert all(re.fullmatch(r"pkg:(pypi|npm)/[\w.%-]+@[\w.%-]+", one) for one in references)


def test_it_says_what_is_used_by_what() -> None:
    found = document()
    uses = {row["ref"]: row["dependsOn"] for row in found["dependencies"]}
    known = {part["bom-ref"] for part in found["components"]}
    own = found["metadata"]["component"]["bom-ref"]
    assert set(uses) <= known | {own}
    assert {one for used in uses.values() for one in used} == known
    parts = by_name(found)
    assert parts["werkzeug"]["bom-ref"] in uses[parts["flask"]["bom-ref"]]
    assert parts["htmx.org"]["bom-ref"] in uses[own]
    assert parts["markupsafe"]["bom-ref"] not in uses[own]


def test_what_only_tests_is_not_in_it() -> None:
    assert not {"pytest", "playwright", "axe-core"} & by_name(document()).keys()


def test_the_locks_are_read_as_they_are_written() -> None:
    digest = "a" * 64
    components, users = python_packages(
        f"one==1.2 ; python_version < '3.12' \\\n    --hash=sha256:{digest}\n    # via\n    #   shop (pyproject.toml)\n"
        f"    #   two\ntwo==3.4.post1 \\\n    --hash=sha256:{digest}\n    # via shop (pyproject.toml)\n",
        "pkg:generic/shop@1",
    )
    assert [(part["name"], part["version"], len(part["hashes"])) for part in components] == [
        ("one", "1.2", 1),
        ("two", "3.4.post1", 1),
    ]
    assert users == {
        "pkg:generic/shop@1": ["pkg:pypi/one@1.2", "pkg:pypi/two@3.4.post1"],
        "pkg:pypi/two@3.4.post1": ["pkg:pypi/one@1.2"],
    }
    lock = {
        "packages": {
            "": {},
            "node_modules/x": {"version": "1.0.0", "integrity": "sha512-AAEC", "license": "MIT"},
            "node_modules/y": {"version": "1.0.0", "integrity": "sha512-AAEC", "dev": True},
        }
    }
    (part,) = front_end_packages(json.dumps(lock))
    assert part["hashes"] == [{"alg": "SHA-512", "content": "000102"}]


def test_two_runs_write_the_same_bytes() -> None:
    command = [sys.executable, "-m", "operations.sbom"]
    first, second = (subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout for _ in "ab")
    assert first == second
    assert json.loads(first)["bomFormat"] == "CycloneDX"
