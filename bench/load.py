"""Drives a server with wrk and tells what it did."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

SCRIPT = Path(__file__).with_name("load.lua")
TIMEOUT = 30  # seconds after which an answer is an error
_beginnings = itertools.count(step=7)


class LoadError(Exception):
    """What was to be measured did not work; one line says what."""


@dataclass(frozen=True)
class Request:
    """One request as it is sent; ``body`` is one line of JSON or empty."""

    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def line(self) -> str:
        headers = "|".join(f"{name}: {value}" for name, value in self.headers.items())
        return f"{self.method}\t{self.path}\t{headers}\t{self.body}\n"


def signed(path: str, token: str, body: str = "") -> Request:
    """A call with somebody's token; with a body it is a POST."""
    headers = {"Authorization": f"Bearer {token}"}
    if body:
        headers["Content-Type"] = "application/json"
    return Request(path, "POST" if body else "GET", headers, body)


@dataclass(frozen=True)
class Measured:
    """What a round of load gave. ``latency`` is milliseconds by percentile; ``failed`` counts what was not answered well."""

    requests: int
    seconds: float
    bytes: int
    failed: int
    latency: dict[float, float]

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return (self.requests - self.failed) / self.seconds if self.seconds else 0.0

    @property
    def p99(self) -> float:
        return self.latency[99]


@dataclass(frozen=True)
class Load:
    """Requests to send to a server at ``address``; ``file`` keeps them for wrk."""

    address: str
    file: Path

    @classmethod
    def of(cls, address: str, sent: Iterable[Request], file: Path) -> "Load":
        file.write_text("".join(request.line() for request in sent))
        return cls(address, file)

    def check(self) -> requests.Response:
        """The answer to the first request; raise LoadError where it is not 200 or 201."""
        method, path, headers, body = self.file.read_text().split("\n", 1)[0].split("\t")
        answer = requests.request(
            method,
            self.address + path,
            headers=dict(pair.split(": ", 1) for pair in headers.split("|") if pair),
            data=body.encode(),
            allow_redirects=False,
            timeout=TIMEOUT,
        )
        if answer.status_code not in (200, 201):
            raise LoadError(
                f"{method} {self.address}{path} answered {answer.status_code}: {answer.text[:200]}"
            )
        return answer

    def run(self, connections: int, seconds: float) -> Measured:
        command = [wrk(), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", f"--timeout={TIMEOUT}s"]
        arguments = [
            "--latency",
            "-s",
            str(SCRIPT),
            self.address,
            "--",
            str(self.file),
            str(next(_beginnings)),
        ]
        ran = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        found = re.search(r"^\{.*\}$", ran.stdout, re.MULTILINE)
        if ran.returncode or not found:
            raise LoadError(f"wrk failed on {self.address}: {ran.stderr or ran.stdout}")
        return measured(json.loads(found[0]))


def measured(told: dict[str, Any]) -> Measured:
    return Measured(
        told["requests"],
        told["microseconds"] / 1e6,
        told["bytes"],
        told["refused"] + told["broken"],
        {float(share): microseconds / 1000 for share, microseconds in told["latency"].items()},
    )


def wrk() -> str:
    """The path of wrk; ends the program where it is missing."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("wrk is missing. Install it, on Debian: sudo apt-get install -y wrk")
    return found
