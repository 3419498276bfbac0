"""How much is run: ``FAULTS=all`` is everything (``make faults``), without it a selection; ``SEED`` repeats a run."""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

EVERYTHING = os.environ.get("FAULTS") == "all"
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))

T = TypeVar("T")


def chosen(everything: Sequence[T], short: Sequence[T]) -> Sequence[T]:
    """Which of the cases of a fault run now."""
    return everything if EVERYTHING else short
