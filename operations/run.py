"""Runs the programs of the Procfile under one supervisor: ``make run``.

Logs are prefixed, a program that dies is started again, SIGINT and SIGTERM end all. A program that cannot start the first
time (wrong settings, taken port) ends the whole run with its exit status.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"^\w+: (http://\S+)$")
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 10.0
COLOURS = ("36", "33", "35", "32")


class Program:
    """One line of the Procfile. ``address`` is learnt from what the program says when it listens."""

    def __init__(self, name: str, command: str, colour: str, width: int) -> None:
        self.name = name
        self.command = [sys.executable if word == "python" else word for word in shlex.split(command)]
        # On Linux a program ends when its supervisor is gone, however it went.
        if wrapper := shutil.which("setpriv"):
            self.command = [wrapper, "--pdeathsig", "TERM", *self.command]
        self.prefix = f"{name:<{width}} | "
        if sys.stdout.isatty():
            self.prefix = f"\033[{colour}m{self.prefix}\033[0m"
        self.address = ""
        self.was_ready = False
        self.started = 0.0
        self.quick_deaths = 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        environment = dict(os.environ)
        environment.setdefault("DEMO", "true")
        if sys.stdout.isatty():
            environment.setdefault("LOG_FORMAT", "text")
        environment["PYTHONUNBUFFERED"] = "1"
        if self.name != "storefront":
            environment.pop("PORT", None)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=self._relay, args=(self.process,), daemon=True).start()

    def _relay(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            found = ADDRESS.match(line.strip())
            if found:
                self.address = found[1]
            say(self.prefix + line.rstrip())

    def ready(self) -> bool:
        if not self.address:
            return False
        try:
            with urllib.request.urlopen(f"{self.address}/ready", timeout=1) as answer:  # noqa: S310 - our own
                self.was_ready = bool(answer.status == 200)
        except OSError:
            return False
        return self.was_ready

    def pause(self) -> float:
        """Seconds to wait before a new start: none after a steady run, more after each quick death."""
        self.quick_deaths = 0 if time.monotonic() - self.started > STEADY_SECONDS else self.quick_deaths + 1
        return 0.0 if self.quick_deaths < 2 else min(LONGEST_PAUSE, 0.5 * 2**self.quick_deaths)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def read_procfile(text: str) -> list[Program]:
    lines = [line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#")]
    width = max(len(name) for name, _ in lines)
    return [
        Program(name.strip(), command, COLOURS[number % len(COLOURS)], width)
        for number, (name, command) in enumerate(lines)
    ]


def proportional_memory(programs: list[Program]) -> int | None:
    """The memory of all programs and their children in bytes, shared pages counted once; None where nobody tells."""
    groups = {program.process.pid for program in programs if program.process}
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) in groups:
                rollup = (folder / "smaps_rollup").read_text()
                total += int(rollup.split("Pss:")[1].split()[0]) * 1024
        except (OSError, IndexError, ValueError):
            continue
    return total or None


class Supervisor:
    """Starts, watches and ends the programs."""

    def __init__(self, programs: list[Program]) -> None:
        self.programs = programs
        self.ending = threading.Event()
        self.status = 0

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: self.ending.set())
        started = time.monotonic()
        for program in self.programs:
            program.start()
        self._wait_until_ready(started)
        while not self.ending.wait(0.1):
            for program in self.programs:
                self._watch(program)
        self._end()
        return self.status

    def _wait_until_ready(self, started: float) -> None:
        while not self.ending.is_set() and time.monotonic() - started < READY_SECONDS:
            waiting = [program for program in self.programs if not program.was_ready and not program.ready()]
            for program in waiting:
                self._watch(program)
            if not waiting:
                self._announce(time.monotonic() - started)
                return
            self.ending.wait(0.02)
        if not self.ending.is_set():
            slow = ", ".join(program.name for program in self.programs if not program.was_ready)
            say(f"not ready after {READY_SECONDS:.0f} s: {slow}")

    def _announce(self, seconds: float) -> None:
        memory = proportional_memory(self.programs)
        size = f", {memory / 2**20:.0f} MiB" if memory else ""
        say(f"\nPingüi is ready after {seconds:.1f} s{size}. Ctrl-C ends it.")
        for program in self.programs:
            say(f"  {program.name:<11} {program.address}")
        say("")

    def _watch(self, program: Program) -> None:
        if program.process is None or self.ending.is_set():
            return
        status = program.process.poll()
        if status is None:
            return
        if not program.was_ready:
            self.status = status if status > 0 else 1
            self.ending.set()
            return
        pause = program.pause()
        say(f"{program.prefix}ended with status {status}; starting it again")
        if not self.ending.wait(pause):
            program.start()

    def _end(self) -> None:
        running = [program.process for program in self.programs if program.process]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        say("Pingüi has ended.")


if __name__ == "__main__":
    sys.exit(Supervisor(read_procfile((ROOT / "Procfile").read_text())).run())
