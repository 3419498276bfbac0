"""System calls of a running program: killed at the one of a chosen number, or written down in their order.

No hook in the program: strace attaches to its worker from outside. Where ptrace is forbidden, ``missing`` says so.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.shop import Service

ATTACH_SECONDS = 10.0


@cache
def missing() -> str:
    """Why system calls cannot be watched here; empty where they can."""
    program = shutil.which("strace")
    if program is None:
        return "strace is not installed"
    tried = subprocess.run([program, "-e", "trace=none", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[-200:]}"


@contextmanager
def attached(programs: list[Service], *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """strace with ``options`` on the workers of ``programs``, from when every thread is traced until the block ends."""
    workers = [program.pid for program in programs]
    chosen = [option for pid in workers for option in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-f", "-qq", *options, *chosen], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + ATTACH_SECONDS
        while not all(is_traced(pid) for pid in workers):
            assert tracer.poll() is None, "strace has ended"
            assert time.monotonic() < deadline, "strace did not attach"
            time.sleep(0.005)
        yield tracer
    finally:
        tracer.terminate()
        try:
            tracer.wait(1)
        except subprocess.TimeoutExpired:
            # It may wait for ever for a thread that was killed; its end lets the program's parent see the death.
            tracer.kill()
            tracer.wait(10)


def is_traced(pid: int) -> bool:
    tasks = list(Path(f"/proc/{pid}/task").glob("*/status"))
    return bool(tasks) and all("TracerPid:\t0\n" not in task.read_text() for task in tasks)


@contextmanager
def killed_at(program: Service, call: str, number: int) -> Iterator[int]:
    """While the block runs, a thread of the program's worker that enters its ``number``-th ``call`` kills it; its pid."""
    pid = program.pid
    with attached(
        [program], "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"
    ):
        yield pid


def lives(pid: int) -> bool:
    """Whether a process runs (one that nobody has waited for yet does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
