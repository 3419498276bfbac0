"""What a service says it can do, read from its OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Abilities:
    """What a service's OpenAPI document declares; a service without one can do what the frozen contract
    says.
    """

    parameters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def can(self, operation: str, parameter: str = "") -> bool:
        """Whether `"PATCH /productos/{}"` exists, and takes `parameter` (header or query, any case) if
        named.
        """
        declared = self.parameters.get(operation)
        return declared is not None and (not parameter or parameter.lower() in declared)

    def takes(self, operation: str, member: str) -> bool:
        """Whether the JSON body of `operation` has `member`."""
        return member in self.members.get(operation, frozenset())


def read_abilities(document: Any) -> Abilities:
    """The abilities of an OpenAPI document, whatever names its path parameters have."""
    parameters: dict[str, frozenset[str]] = {}
    members: dict[str, frozenset[str]] = {}
    paths = document.get("paths") if isinstance(document, dict) else None
    for path, item in paths.items() if isinstance(paths, dict) else ():
        for method, operation in item.items() if isinstance(item, dict) else ():
            if not isinstance(operation, dict):
                continue
            name = f"{method.upper()} {_without_names(path)}"
            listed = [*_objects(item.get("parameters")), *_objects(operation.get("parameters"))]
            resolved = [_resolve(document, one) for one in listed]
            parameters[name] = frozenset(str(one.get("name", "")).lower() for one in resolved)
            members[name] = _body_members(document, operation)
    return Abilities(parameters, members)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _without_names(path: str) -> str:
    parts = path.split("{")
    return parts[0] + "".join("{" + part[part.find("}") :] for part in parts[1:])


def _resolve(document: Any, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
        value = document
        for part in reference.removeprefix("#/").split("/"):
            value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _body_members(document: Any, operation: dict[str, Any]) -> frozenset[str]:
    content = _resolve(document, operation.get("requestBody")).get("content")
    media = content.get("application/json") if isinstance(content, dict) else None
    schema = _resolve(document, media.get("schema") if isinstance(media, dict) else None)
    properties = schema.get("properties")
    return frozenset(properties) if isinstance(properties, dict) else frozenset()
