"""A hundred random histories of the shop agree with the model; MODEL_HISTORIES asks for more, MODEL_SEED for the same."""

import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.api.sagas import saga_shop
from tests.model.histories import GRACIA, Histories

HISTORIES = int(os.environ.get("MODEL_HISTORIES", "50"))  # on each database
ONE_SHOP = 100  # histories, so that its lists stay short
STEPS = 30 if HISTORIES <= ONE_SHOP else 50
KILLED = ("productos",) if HISTORIES <= ONE_SHOP else ("productos", "pedidos")
SEED = os.environ.get("MODEL_SEED")


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
    base_url: Callable[[Path], str], tmp_path: Path, batch: int
) -> None:
    number = (int(SEED) if SEED else random.SystemRandom().randrange(10**9)) + batch
    print(f"MODEL_SEED={number} draws this batch again")
    with saga_shop(tmp_path, base_url(tmp_path), PEDIDOS_GRACIA=GRACIA) as shop:
        machine: Any = partial(Histories, shop, KILLED, set())
        count = min(ONE_SHOP, HISTORIES - batch * ONE_SHOP)
        run_state_machine_as_test(seed(number)(machine), settings=histories(count))
