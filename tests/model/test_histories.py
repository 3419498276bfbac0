"""A hundred random histories of the shop agree with the model, in `make faults` two thousand longer ones (P49).

``SEED`` draws them again, ``MODEL_HISTORIES`` says how many on each database.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.api.sagas import saga_shop
from tests.faults.selection import EVERYTHING, SEED
from tests.model.histories import GRACIA, Histories

HISTORIES = int(os.environ.get("MODEL_HISTORIES") or (1000 if EVERYTHING else 50))
ONE_SHOP = 100  # histories, so that its lists stay short
STEPS = 50 if EVERYTHING else 30


def killed(batch: int) -> tuple[str, ...]:
    """Who may die in the middle. The lease of an order outlives pedidos by four seconds: too long for every history."""
    return ("productos", "pedidos") if EVERYTHING and batch % 5 == 0 else ("productos",)


def histories(count: int) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("batch", range(-(-HISTORIES // ONE_SHOP)))
def test_every_history_agrees_with_the_model(
    base_url: Callable[[Path], str], backend: str, tmp_path: Path, batch: int
) -> None:
    print(f"SEED={SEED} draws this history again")
    with saga_shop(tmp_path, base_url(tmp_path), PEDIDOS_GRACIA=GRACIA) as shop:
        machine: Any = partial(Histories, shop, killed(batch), set(), [])
        count = min(ONE_SHOP, HISTORIES - batch * ONE_SHOP)
        drawn: Any = seed(f"{SEED} {backend} {batch}")(machine)
        run_state_machine_as_test(drawn, settings=histories(count))
