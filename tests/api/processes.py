"""Work done by many at once."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
A = TypeVar("A")


def at_once(act: Callable[[A], T], arguments: Sequence[A]) -> list[T]:
    """What ``act`` gave for each argument, all started at the same instant in threads of their own."""
    results: dict[int, T] = {}
    ready = threading.Barrier(len(arguments))

    def run(place: int, argument: A) -> None:
        ready.wait(30)
        results[place] = act(argument)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(arguments)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[place] for place in range(len(arguments))]
