"""Carries the storefront's calls to WSGI applications in this process, by port, without a network."""

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import NewConnectionError
from werkzeug.test import Client, EnvironBuilder


class WsgiAdapter(BaseAdapter):
    """`apps` by port. A name in `down` refuses connections, as a stopped service does."""

    def __init__(self, apps: Mapping[int, Flask]) -> None:
        super().__init__()
        self.apps = apps
        self.down: set[int] = set()
        self.lost: set[int] = set()
        self.calls: list[tuple[str, str]] = []
        self.headers: list[Mapping[str, str]] = []

    def send(self, request: requests.PreparedRequest, *_arguments: Any, **_options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        port = parts.port or 80
        if port in self.down:
            refused = NewConnectionError(None, "refused")  # type: ignore[arg-type]
            raise requests.ConnectionError(refused, request=request)
        self.calls.append((str(request.method), parts.path))
        self.headers.append(dict(request.headers))
        builder = EnvironBuilder(
            path=parts.path,
            query_string=parts.query,
            method=str(request.method),
            headers=list(request.headers.items()),
            data=request.body or b"",
        )
        answer = Client(self.apps[port]).open(builder)
        if port in self.lost:
            raise requests.ConnectionError("the reply was lost", request=request)
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(dict(answer.headers))
        response.raw = HTTPResponse(
            io.BytesIO(answer.get_data()),
            headers=dict(answer.headers),
            status=answer.status_code,
            preload_content=False,
        )
        return response

    def close(self) -> None:
        """Nothing is open."""
