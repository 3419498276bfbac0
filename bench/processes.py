"""What Linux tells of running processes: processor time and memory, and free ports to give them."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
STATE, PARENT, GROUP, USER_TIME, SYSTEM_TIME = 0, 1, 2, 11, 12  # places after the name in /proc/<pid>/stat


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stats() -> Iterator[tuple[int, list[str]]]:
    """Every process with what stands after the name in its stat file."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text()
        except OSError:
            continue
        yield int(folder.name), text.rsplit(")", 1)[1].split()


def group_of(parent: int, module: str) -> int:
    """The process group of the child of ``parent`` that runs the module; raise LookupError where there is none."""
    for pid, stat in stats():
        if int(stat[PARENT]) != parent:
            continue
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if module.encode() in words:
            return int(stat[GROUP])
    raise LookupError(f"{module} does not run")


def processor_seconds(group: int) -> float:
    """The processor time that the living processes of a group have used."""
    used = (int(stat[USER_TIME]) + int(stat[SYSTEM_TIME]) for _, stat in stats() if int(stat[GROUP]) == group)
    return sum(used) / TICKS


def memory(group: int) -> int:
    """Bytes of memory of a process group, pages shared with others counted by their share (PSS)."""
    total = 0
    for pid, stat in stats():
        if int(stat[GROUP]) == group:
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += int(rollup.split("Pss:")[1].split()[0]) * 1024
    return total
