"""Decodes what strangers send in a process of its own: within a time and a memory, gone afterwards.

A decoder that crashes, loops or swells then takes nothing with it, and the service's memory stays what it was.
"""

import resource
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from services.productos.pictures import Picture, PictureError, derive

ROOT = Path(__file__).resolve().parents[2]
TURN_SECONDS = 1.0  # that a picture waits for the one before it
CPU_SECONDS = 10
SECONDS = 20
MEMORY_BYTES = 1 << 30
REFUSED = 3  # exit status: the output is a sentence

_one_at_a_time = threading.Lock()


class BusyError(Exception):
    """Other pictures are being prepared."""


def derive_in_turn(content: bytes) -> Picture:
    """As derive_apart, one at a time; raise BusyError where it is not this picture's turn soon."""
    if not _one_at_a_time.acquire(timeout=TURN_SECONDS):
        raise BusyError
    try:
        return derive_apart(content)
    finally:
        _one_at_a_time.release()


def derive_apart(content: bytes, seconds: float = SECONDS) -> Picture:
    """As pictures.derive; raise PictureError, too, where it takes longer than ``seconds``."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "services.productos.picture_process"],
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PictureError("La imagen tarda demasiado en prepararse") from None
    if done.returncode == REFUSED:
        raise PictureError(done.stdout.decode())
    if done.returncode != 0:
        raise PictureError("No pudimos preparar esta imagen")
    return msgspec.msgpack.decode(done.stdout, type=Picture)


def main() -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        picture = derive(sys.stdin.buffer.read())
    except PictureError as error:
        sys.stdout.buffer.write(str(error).encode())
        return REFUSED
    sys.stdout.buffer.write(msgspec.msgpack.encode(picture))
    return 0


if __name__ == "__main__":
    sys.exit(main())
