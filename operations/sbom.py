"""``python -m operations.sbom``: what the shop is made of, as a CycloneDX 1.6 document, read from the locks.

The same locks give the same document: it holds no time and no random number. Only what runs is in it, not what tests.
"""

import base64
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"^([a-z0-9.-]+)==([^\s;]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
USED_BY = re.compile(r"^ +#(?: via)? +([a-z0-9.-]+)(?: \(pyproject\.toml\))?$")
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.6.schema.json")


def python_packages(lock: str, own: str) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """The pinned packages, and for each user of a package (``own`` is the shop) the packages it uses, by reference.

    The hashes are those of every file that the lock accepts: a wheel for each platform.
    """
    components: list[dict[str, Any]] = []
    users: dict[str, list[str]] = {}
    for line in lock.splitlines():
        pinned, found, user = PINNED.match(line), HASH.search(line), USED_BY.match(line)
        if pinned:
            name, version = pinned.groups()
            components.append(component("pypi", name, version))
        elif found:
            components[-1]["hashes"].append({"alg": "SHA-256", "content": found[1]})
        elif user and user[1] != "via":
            users.setdefault(user[1], []).append(components[-1]["bom-ref"])
    references = {part["name"]: part["bom-ref"] for part in components}
    return components, {references.get(user, own): used for user, used in users.items()}


def front_end_packages(lock: str) -> list[dict[str, Any]]:
    components = []
    for path, package in json.loads(lock)["packages"].items():
        if not path or package.get("dev"):
            continue
        part = component("npm", path.removeprefix("node_modules/"), package["version"])
        algorithm, digest = package["integrity"].split("-", 1)
        content = base64.b64decode(digest).hex()
        part["hashes"].append({"alg": algorithm.replace("sha", "SHA-"), "content": content})
        if "license" in package:
            part["licenses"] = [{"license": {"id": package["license"]}}]
        components.append(part)
    return components


def component(kind: str, name: str, version: str) -> dict[str, Any]:
    reference = f"pkg:{kind}/{quote(name, safe='@/')}@{quote(version)}"
    return {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "purl": reference,
        "hashes": [],
    }


def document(root: Path = ROOT) -> dict[str, Any]:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    own = f"pkg:generic/{project['name']}@{project['version']}"
    python, users = python_packages((root / "requirements.lock").read_text(), own)
    front_end = front_end_packages((root / "package-lock.json").read_text())
    components = [*python, *front_end]
    users[own] = sorted([*users.get(own, []), *(part["bom-ref"] for part in front_end)])
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, json.dumps(components))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
            }
        },
        "components": components,
        "dependencies": [{"ref": user, "dependsOn": used} for user, used in sorted(users.items())],
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    print()
