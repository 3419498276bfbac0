"""How much is run: ``FAULTS=all`` is everything (``make faults``), without it a selection; ``SEED`` repeats a run."""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

EVERYTHING = os.environ.get("FAULTS") == "all"
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))

# What the selection leaves out, because other tests show most of it in less time, and what of it also runs on PostgreSQL.
LONG = frozenset(
    {
        "test_a_rolling_restart_with_a_new_key",  # tests/operations/test_rotation.py
        "test_a_backup_under_load_and_half_a_restore",  # tests/operations/test_backup.py
        "test_a_second_instance",  # tests/api/test_server.py
        "test_another_time_zone",  # tests/api/test_tokens.py
        "test_forty_days_later",
        "test_many_sign_ins_at_once",  # tests/api/test_usuarios_limits.py
        "test_a_locked_storefront",
    }
)
SHORT_ON_POSTGRESQL = frozenset(
    {
        "test_killed_at_random_under_load",
        "test_killed_at_every_system_call",
        "test_doubled_and_in_disorder",
        "test_a_crash_of_postgresql_takes_no_acknowledged_order",
    }
)
T = TypeVar("T")


def chosen(everything: Sequence[T], short: Sequence[T]) -> Sequence[T]:
    """Which of the cases of a fault run now."""
    return everything if EVERYTHING else short


def is_chosen(name: str, backend: str) -> bool:
    """Whether a test runs now on a database ("" where it asks for none)."""
    return EVERYTHING or (name not in LONG and (backend != "postgresql" or name in SHORT_ON_POSTGRESQL))
