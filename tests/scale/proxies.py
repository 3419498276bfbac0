"""nginx with the files of deploy/: their own text, with the ports, the certificate and the programs of a test."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from tests.shop import ROOT

NAME = "tienda.example"
START_SECONDS = 10.0
# What Debian's own nginx.conf says around the files in conf.d, for a user who may not be root.
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/conf.d/*.conf;
}}
"""


def a_certificate(folder: Path) -> None:
    """A certificate for the shop's name, and for the address under which the tests reach it."""
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"),
            *("-keyout", "privkey.pem", "-out", "fullchain.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """``text`` with each pattern replaced, which must stand in it."""
    for pattern, new in changes.items():
        text, times = re.subn(pattern, new, text)
        assert times, f"{pattern} is not in the file"
    return text


def servers(ports: Sequence[int]) -> str:
    return "\n".join(rf"server 127.0.0.1:{port}\1" for port in ports)


class Nginx:
    """The two files on ports of a test. ``public`` and ``plain`` are those of https and http."""

    def __init__(
        self,
        folder: Path,
        public: int,
        plain: int,
        storefronts: Sequence[int],
        services: Mapping[int, tuple[int, Sequence[int]]],
    ) -> None:
        """``services`` gives for each default port where the proxy listens and the ports behind it."""
        self.folder = folder
        self.certificate = folder / "fullchain.pem"
        self.url = f"https://127.0.0.1:{public}"
        self.plain_url = f"http://127.0.0.1:{plain}"
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "conf.d").mkdir()
        a_certificate(folder)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
        public_text = replaced(
            (ROOT / "deploy/nginx.conf").read_text(),
            {
                r"listen (\[::\]:)?80;": "",
                r"listen \[::\]:443 ssl http2;": "",
                r"listen 443 ssl": f"listen 127.0.0.1:{public} ssl",
                r"(server_name tienda\.example;\n    return)": rf"listen 127.0.0.1:{plain};\n\1",
                r"/etc/letsencrypt/live/tienda\.example": str(folder),
                r"server 127\.0\.0\.1:5000( .*)": servers(storefronts),
            },
        )
        (folder / "conf.d/pingui.conf").write_text(public_text)
        changes = {}
        for default, (listening, behind) in services.items():
            changes[rf"listen 127\.0\.0\.1:{default + 1000};"] = f"listen 127.0.0.1:{listening};"
            changes[rf"server 127\.0\.0\.1:{default}( .*)"] = servers(behind)
        services_text = replaced((ROOT / "deploy/nginx-services.conf").read_text(), changes)
        (folder / "conf.d/pingui-services.conf").write_text(services_text)

    def _command(self, *more: str) -> list[str]:
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "nginx is missing: apt-get install nginx-light"
        return [program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), *more]

    def check(self) -> str:
        """What ``nginx -t`` says."""
        done = subprocess.run(self._command("-t"), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def start(self) -> None:
        log = (self.folder / "error.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                self._command("-e", str(self.folder / "error.log")), stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                requests.get(self.plain_url, headers={"Host": NAME}, allow_redirects=False, timeout=1)
            except requests.ConnectionError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"nginx did not start:\n{(self.folder / 'error.log').read_text()[-2000:]}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
