"""Runs one service under granian: one process with threads."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import NoReturn, Protocol, TypeVar

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mt import MTServer

from services.common import logs, memory
from services.common.migrate import MigrationError
from services.common.settings import ServiceSettings, SettingsError

CONFIGURATION_ERROR = 78  # EX_CONFIG of sysexits.h
UNAVAILABLE = 69  # EX_UNAVAILABLE
HEADER_MILLISECONDS = 8_000
HEADER_BYTES = 16 * 1024
STOP_SECONDS = 15  # longer than every deadline


class HasService(Protocol):
    """A service's settings: what every service reads, and its own."""

    @property
    def service(self) -> ServiceSettings: ...


Settings = TypeVar("Settings", bound=HasService)


def run(
    name: str,
    threads: int,
    read_settings: Callable[[], Settings],
    prepare: Callable[[Settings], bool],
    create_app: Callable[[Settings], Flask],
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is running.

    ``prepare`` makes the database ready and says whether it was not. Exit status 78 where the settings are wrong, 69 where
    the port or the database cannot be used; one line says why.
    """
    os.umask(0o077)
    memory.share_one_heap()
    try:
        settings = read_settings()
        logs.configure(name, settings.service.log_as_text)
        host, port = settings.service.host, settings.service.port
        check_port(host, port)
        if prepare(settings):
            # Begun anew, the program does not keep what the migrations needed of memory.
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606
    except SettingsError as error:
        stop(name, str(error), CONFIGURATION_ERROR)
    except (MigrationError, PortTakenError) as error:
        stop(name, str(error), UNAVAILABLE)
    serve(host, port, threads, lambda: create_app(settings), f"{name}: http://{host}:{port}")


def stop(name: str, reason: str, status: int) -> NoReturn:
    print(f"{name}: {reason}", file=sys.stderr, flush=True)
    raise SystemExit(status)


class PortTakenError(Exception):
    """Another program listens there."""


def check_port(host: str, port: int) -> None:
    """Raise PortTakenError: the server shares ports with its own kind, so a second instance would not notice."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror}") from None


class OneProcess(MTServer):
    """Granian's server in this very process, which it offers for Pythons without a global lock; it serves this one as well.

    A parent beside it would hold a second copy of the program's memory, and could be killed alone.
    """

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


def serve(host: str, port: int, threads: int, create_app: Callable[[], Flask], greeting: str) -> None:
    wake_main_thread_by_signals()
    server = OneProcess(
        greeting,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=threads,
        backlog=1024,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=HEADER_BYTES),
        log_level=LogLevels.error,
        workers_kill_timeout=STOP_SECONDS,
        websockets=False,
    )
    server.on_startup(lambda: print(greeting, flush=True))
    server.serve(target_loader=create_app, wrap_loader=False)


def wake_main_thread_by_signals() -> None:
    """Pass the first signal on to the main thread, where Python handles it.

    The kernel may give a signal to any thread, and the main one, asleep in a lock, would not notice: the service went on
    taking requests until it was killed.
    """
    noticed, notice = os.pipe()
    os.set_blocking(notice, False)
    signal.set_wakeup_fd(notice, warn_on_full_buffer=False)
    main = threading.get_ident()

    def pass_on() -> None:
        signal.pthread_kill(main, os.read(noticed, 1)[0])

    threading.Thread(target=pass_on, daemon=True).start()
