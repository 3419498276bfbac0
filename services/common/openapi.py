"""OpenAPI 3.1 from the declared endpoints, and a page that reads it without the internet."""

import re
from typing import Any

import msgspec
from flask import Flask, Response, render_template

from services.common.api import Api, Endpoint, Error
from services.common.errors import SENTENCES
from services.common.json_input import custom_schema
from services.common.tokens import ServiceCaller

REFERENCE = "#/components/schemas/{name}"
PATH_PARAMETER = re.compile(r"<(?:(?P<kind>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")
PATH_SCHEMAS: dict[str | None, dict[str, Any]] = {
    "id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    "uuid": {"type": "string", "format": "uuid"},
}
Schemas = dict[str, Any]


def describe(app: Flask, api: Api, title: str, summary: str) -> None:
    """Add ``/openapi.json`` and ``/docs`` to ``app``; both are made once."""
    document = build(api, title, summary)
    content = msgspec.json.encode(document)

    def openapi() -> Response:
        return Response(content, content_type="application/json")

    def docs() -> Response:
        page = render_template("docs.html", document=document)
        policy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
        return Response(
            page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy}
        )

    def style() -> Response:
        return Response(render_template("docs.css"), content_type="text/css; charset=utf-8")

    for path, view in (("/openapi.json", openapi), ("/docs", docs), ("/docs.css", style)):
        app.add_url_rule(path, view_func=view, methods=["GET"], provide_automatic_options=False)


def build(api: Api, title: str, summary: str) -> dict[str, Any]:
    """The document as JSON values."""
    types = _declared_types(api.endpoints)
    shapes, components = msgspec.json.schema_components(
        types, schema_hook=custom_schema, ref_template=REFERENCE
    )
    schemas = dict(zip(map(_type_key, types), shapes, strict=True))
    paths: dict[str, Any] = {}
    for endpoint in api.endpoints:
        path = PATH_PARAMETER.sub(r"{\g<name>}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "summary": summary, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "persona": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "servicio": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _declared_types(endpoints: list[Endpoint]) -> list[Any]:
    types: dict[str, Any] = {_type_key(Error): Error}
    for endpoint in endpoints:
        for declared in (endpoint.hints.get("body"), endpoint.hints.get("query"), *endpoint.answers.values()):
            if declared is not None:
                types[_type_key(declared)] = declared
    return list(types.values())


def _type_key(declared: Any) -> str:
    return repr(declared)


def _operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    body = endpoint.hints.get("body")
    operation: dict[str, Any] = {
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method.lower()}{re.sub(r'[^a-z]+', '_', endpoint.path)}".rstrip("_"),
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if endpoint.caller:
        operation["security"] = [{"servicio" if endpoint.caller is ServiceCaller else "persona": []}]
    if body is not None:
        content = {"application/json": {"schema": schemas[_type_key(body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    elif "request" in endpoint.media:
        binary = {"schema": {"type": "string", "format": "binary"}}
        operation["requestBody"] = {
            "required": True,
            "content": dict.fromkeys(endpoint.media["request"], binary),
        }
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": match["name"],
            "in": "path",
            "required": True,
            "schema": PATH_SCHEMAS.get(match["kind"], {"type": "string"}),
        }
        for match in PATH_PARAMETER.finditer(endpoint.path)
    ]
    query = endpoint.hints.get("query")
    if query is not None:
        for field in msgspec.structs.fields(query):
            schema = msgspec.json.schema(_without_unset(field.type), schema_hook=custom_schema)
            parameters.append(
                {"name": field.encode_name, "in": "query", "required": field.required, "schema": schema}
            )
    for header in endpoint.headers:
        parameters.append({"name": header, "in": "header", "required": False, "schema": {"type": "string"}})
    return parameters


def _without_unset(declared: Any) -> Any:
    """A query parameter that may be left out: its type without None and UNSET, which no query can say."""
    arguments = getattr(declared, "__args__", ())
    kept = [kind for kind in arguments if kind not in (type(None), msgspec.UnsetType)]
    if len(kept) == 1 and len(arguments) > 1:
        return kept[0]
    return declared


def _responses(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, declared in endpoint.answers.items():
        response: dict[str, Any] = {"description": "Correcto"}
        if declared is not None:
            response["content"] = {"application/json": {"schema": schemas[_type_key(declared)]}}
        elif "response" in endpoint.media:
            binary = {"schema": {"type": "string", "format": "binary"}}
            response["content"] = dict.fromkeys(endpoint.media["response"], binary)
        responses[str(status)] = response
    error = {"application/json": {"schema": schemas[_type_key(Error)]}}
    for status in sorted(_error_statuses(endpoint)):
        responses[str(status)] = {"description": SENTENCES.get(status, "Error"), "content": error}
    return responses


def _error_statuses(endpoint: Endpoint) -> set[int]:
    statuses = {*endpoint.errors, 400, 404, 414, 431, 503}
    if endpoint.caller:
        statuses.add(401)
    if "body" in endpoint.hints or "request" in endpoint.media:
        statuses |= {413, 415}
    return statuses
