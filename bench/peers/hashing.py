"""Bare argon2id on all cores, with the shop's numbers: ``python -m bench.peers.hashing SECONDS`` prints checks per second."""

import os
import sys
import threading
import time

from services.usuarios.passwords import hasher

PASSWORD = "the same for all of them"  # noqa: S105


def checks_per_second(seconds: float) -> float:
    stored = hasher.hash(PASSWORD)
    started = time.monotonic()
    done: list[int] = []

    def work() -> None:
        checked = 0
        while time.monotonic() - started < seconds:
            hasher.verify(stored, PASSWORD)
            checked += 1
        done.append(checked)

    threads = [threading.Thread(target=work) for _ in range(os.cpu_count() or 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - started)


if __name__ == "__main__":
    print(checks_per_second(float(sys.argv[1])))
