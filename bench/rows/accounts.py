"""Signing in: beside bare hashing on all cores, and what it does to those who do something else meanwhile."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection

from bench import data, kept
from bench.findings import Spread, least, most
from bench.load import Load, LoadError, Measured, Request
from bench.people import SHOPPERS, token
from bench.processes import memory
from bench.programs import ROOT, Shop, running, scratch
from bench.rounds import Session, failed, p99

CONNECTIONS = 16
SECONDS = 3
ROUNDS = 3
PACE = 0.02  # seconds between requests of somebody who does something else
MEBIBYTE = 2**20


def accounts(session: Session) -> None:
    """POST /login: at least 90 % of bare hashing, and the p95 of other calls no worse than beside bare hashing."""
    with scratch() as folder:
        kept.copy_of(data.SMALL, folder, session.say)
        shop = Shop(folder)
        with running(shop):
            sent = [sign_in(number) for number in SHOPPERS]
            load = Load.of(shop.address("usuarios"), sent, folder / "requests")
            load.check()
            load.run(CONNECTIONS, 1)
            rates(session, load, shop)
            others(session, load, shop)


def sign_in(number: int) -> Request:
    body = f'{{"email":"{data.email(number)}","password":"{data.PASSWORD}"}}'
    return Request("/login", "POST", {"Content-Type": "application/json"}, body)


def rates(session: Session, load: Load, shop: Shop) -> None:
    seconds = 1 if session.quick else SECONDS
    bare: list[float] = []
    ours: list[Measured] = []
    for number in range(min(ROUNDS, session.rounds)):
        session.say(f"round {number + 1}: bare hashing")
        bare.append(session.guard.quietly(lambda: bare_hashing(seconds)))
        session.say(f"round {number + 1}: shop")
        ours.append(session.guard.quietly(lambda: load.run(CONNECTIONS, seconds)))
    shares = Spread.of([100 * turn.rate / other for turn, other in zip(ours, bare, strict=True)])
    rate = statistics.median(turn.rate for turn in ours)
    size = memory(shop.group("usuarios")) / MEBIBYTE
    figures = f"{rate:.0f}/s against {statistics.median(bare):.0f}/s, p99 {p99(ours):.0f} ms; usuarios {size:.0f} MiB"
    work = f"POST /login, {CONNECTIONS} connections"
    session.note("login", work, "bare hashing", "%", shares, least(90), figures, failed(ours))


def bare_hashing(seconds: float) -> float:
    command = [sys.executable, "-m", "bench.peers.hashing", str(seconds)]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def others(session: Session, load: Load, shop: Shop) -> None:
    """Somebody else's calls: alone, beside bare hashing in another process, beside logins."""
    seconds = 2 if session.quick else SECONDS
    signed = {"Authorization": f"Bearer {token(shop, SHOPPERS.start)}"}
    for service, path in (("usuarios", "/perfil"), ("productos", "/productos/1"))[
        : 1 if session.quick else 2
    ]:
        taken: dict[str, list[float]] = {"alone": [], "bare": [], "logins": []}
        for number in range(min(ROUNDS, session.rounds)):
            beside: dict[str, Callable[[], object]] = {
                "alone": lambda: None,
                "bare": lambda: bare_hashing(seconds),
                "logins": lambda: load.run(2 * CONNECTIONS, seconds),
            }
            for name, act in beside.items():
                session.say(f"{path} of somebody else, round {number + 1}: {name}")
                turn = partial(p95_beside, act, shop.ports[service], path, signed, seconds)
                taken[name].append(session.guard.quietly(turn))
        middle = {name: statistics.median(values) for name, values in taken.items()}
        figures = (
            f"p95 {middle['logins']:.1f} ms beside logins, {middle['bare']:.1f} ms beside bare hashing,"
            f" {middle['alone']:.1f} ms alone"
        )
        ratio = Spread.of_ratios(taken["logins"], taken["bare"])
        work = f"p95 of GET {path} while everybody signs in"
        session.note("login", work, "beside bare hashing", "×", ratio, most(1.5), figures)


def p95_beside(
    act: Callable[[], object], port: int, path: str, headers: dict[str, str], seconds: float
) -> float:
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        latencies = paced(port, path, headers, seconds - 0.5)
        acting.result()
    return statistics.quantiles(latencies, n=20)[-1]


def paced(port: int, path: str, headers: dict[str, str], seconds: float) -> list[float]:
    """Milliseconds that each of a steady trickle of calls took."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    latencies = []
    started = time.perf_counter()
    due = started
    while due < started + seconds:
        time.sleep(max(0.0, due - time.perf_counter()))
        # From when it was due: a call that waited for the one before it waited too.
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise LoadError(f"GET {path} answered {answer.status}")
        latencies.append((time.perf_counter() - due) * 1000)
        due += PACE
    connection.close()
    return latencies
