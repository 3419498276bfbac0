"""`python -m storefront`: one process with enough threads to wait on the services."""

import os
import signal
import socket
import sys
import threading
from typing import NoReturn

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mt import MTServer

from storefront.app import create_app, warm_up
from storefront.logs import configure
from storefront.settings import Settings, SettingsError, load_settings
from storefront.store import StoreDownError

THREADS = 16
HEADER_MILLISECONDS = 8_000
HEADER_BYTES = 64 * 1024
STOP_SECONDS = 15  # longer than any page may take
BAD_SETTINGS = 78  # EX_CONFIG of sysexits.h
UNAVAILABLE = 69  # EX_UNAVAILABLE


def main() -> None:
    os.umask(0o077)
    try:
        settings = load_settings()
    except SettingsError as problem:
        _stop(str(problem), BAD_SETTINGS)
    _check_port(settings.host, settings.port)
    _serve(settings)


def _stop(reason: str, status: int) -> NoReturn:
    print(f"storefront: {reason}", file=sys.stderr, flush=True)
    raise SystemExit(status)


def _check_port(host: str, port: int) -> None:
    """The server shares its port with its own kind, so a second shop on it would go unnoticed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            _stop(f"cannot listen on {host}:{port}: {problem.strerror}", UNAVAILABLE)


class OneProcess(MTServer):
    """Granian's server in this very process, which it offers for Pythons without a global lock; it serves this one as well."""

    def _check_gil(self) -> None:
        return

    def _stop_workers(self) -> None:
        try:
            super()._stop_workers()  # type: ignore[no-untyped-call]
        except NotImplementedError:
            # Granian would kill what still runs after STOP_SECONDS, and a thread cannot be killed.
            os._exit(UNAVAILABLE)
        except (RuntimeError, AssertionError):
            # Two threads await the worker's end. When it has come, Python 3.11 now and then breaks for one of them.
            return


def _create_app(settings: Settings) -> Flask:
    """A file that cannot be used is told at once. Redis may come later, unless the secrets are in it."""
    try:
        return create_app(settings)
    except StoreDownError as problem:
        _stop(f"the store cannot be used: {problem}", UNAVAILABLE)


def _serve(settings: Settings) -> None:
    _wake_main_thread_by_signals()
    configure(settings.log_as_text)

    app = _create_app(settings)
    warm_up(app)
    server = OneProcess(
        "storefront",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        backlog=1024,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=HEADER_BYTES),
        log_level=LogLevels.error,
        workers_kill_timeout=STOP_SECONDS,
        websockets=False,
    )
    server.on_startup(lambda: print(f"storefront: http://{settings.host}:{settings.port}", flush=True))
    server.serve(target_loader=lambda: app, wrap_loader=False)


def _wake_main_thread_by_signals() -> None:
    """The kernel may give a signal to any thread; the main one, asleep in a lock, would not notice SIGTERM."""
    noticed, notice = os.pipe()
    os.set_blocking(notice, False)
    signal.set_wakeup_fd(notice, warn_on_full_buffer=False)
    main_thread = threading.get_ident()

    def pass_on() -> None:
        signal.pthread_kill(main_thread, os.read(noticed, 1)[0])

    threading.Thread(target=pass_on, daemon=True).start()


if __name__ == "__main__":
    main()
