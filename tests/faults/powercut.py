"""What a power cut would leave: files as of their last sync, played back from the system calls that strace wrote down.

A write is on the disk when a sync of its file began after it and has ended; what was only written is lost. Of the calls that
two processes make, strace keeps one order.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OPTIONS = ("-y", "-xx", "-s", "70000", "-e", "trace=pwrite64,fdatasync,fsync,ftruncate,sendto,write,writev")
LINE = re.compile(r"(\d+) +(.*)")
CALL = re.compile(r"(\w+)\((.*)\) += (\d+)", re.DOTALL)
BEGUN = " <unfinished ...>"
RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
FILE = re.compile(r"\d+<((?:\\x[0-9a-f]{2})+)>")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
PLACED = re.compile(rb"HTTP/1\.1 201 .*?\r\nlocation: /pedidos/(\d+)\r\n", re.DOTALL | re.IGNORECASE)


class Begun(NamedTuple):
    """A thread entered a call: what it says or syncs begins now."""

    thread: int
    name: str
    arguments: str


class Ended(NamedTuple):
    """The call came back."""

    thread: int
    name: str
    arguments: str


def events(log: Path) -> Iterator[Begun | Ended]:
    """Beginnings and ends of the calls in ``log``, in the order in which they happened."""
    waiting: dict[int, str] = {}
    for line in log.read_text(errors="replace").splitlines():
        found = LINE.fullmatch(line)
        if not found:
            continue
        thread, rest = int(found[1]), found[2]
        if rest.endswith(BEGUN):
            waiting[thread] = rest.removesuffix(BEGUN)
            name, _, arguments = waiting[thread].partition("(")
            yield Begun(thread, name, arguments)
            continue
        if resumed := RESUMED.match(rest):
            rest = waiting.pop(thread, "") + resumed[1]
        elif call := CALL.match(rest):
            yield Begun(thread, call[1], call[2])
        if call := CALL.match(rest):
            yield Ended(thread, call[1], call[2])


def plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


class Disk:
    """The files of a folder: ``durable`` is what a power cut would leave of each."""

    def __init__(self, files: list[Path]) -> None:
        self.durable = {
            file: bytearray(file.read_bytes()) if file.exists() else bytearray() for file in files
        }
        self.syncs = dict.fromkeys(files, 0)
        self._written: dict[Path, list[tuple[int, bytes | None]]] = {file: [] for file in files}
        self._covered: dict[int, int] = {}

    def see(self, event: Begun | Ended) -> None:
        found = FILE.match(event.arguments)
        file = Path(plain(found[1]).decode()) if found else Path()
        if file not in self.durable:
            return
        writes = self._written[file]
        if event.name in ("fdatasync", "fsync"):
            if isinstance(event, Begun):
                self._covered[event.thread] = len(writes)
                return
            covered = self._covered.pop(event.thread)
            for place, content in writes[:covered]:
                put(self.durable[file], place, content)
            del writes[:covered]
            self.syncs[file] += 1
        elif isinstance(event, Ended) and event.name == "pwrite64":
            written = TEXT.search(event.arguments)
            writes.append((int(event.arguments.rsplit(", ", 1)[1]), plain(written[1] if written else "")))
        elif isinstance(event, Ended) and event.name == "ftruncate":
            writes.append((int(event.arguments.rsplit(", ", 1)[1]), None))

    def after_a_power_cut(self, folder: Path) -> None:
        """Lay down in ``folder`` what would be left."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file, content in self.durable.items():
            if content:
                (folder / file.name).write_bytes(content)


def put(content: bytearray, place: int, written: bytes | None) -> None:
    if written is None:
        del content[place:]
        content.extend(bytes(place - len(content)))
        return
    content.extend(bytes(max(0, place - len(content))))
    content[place : place + len(written)] = written


def acknowledged(event: Begun | Ended) -> int | None:
    """The order whose 201 begins to leave with this call."""
    if not isinstance(event, Begun) or event.name not in ("sendto", "write", "writev"):
        return None
    said = b"".join(plain(text) for text in TEXT.findall(event.arguments))
    found = PLACED.match(said)
    return int(found[1]) if found else None
