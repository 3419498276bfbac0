"""A service that is busy is waited for a moment; one that hangs or fails is not."""

import threading
import time

import pytest

from storefront.circuit import PLACE_SECONDS, Circuit, CircuitOpenError


def test_whoever_finds_no_place_gets_the_next_that_is_free() -> None:
    circuit, entered, leave = Circuit(places=1), threading.Event(), threading.Event()

    def hold() -> None:
        with circuit.call():
            entered.set()
            leave.wait(10)
            circuit.succeeded()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    timer = threading.Timer(PLACE_SECONDS / 4, leave.set)
    timer.start()
    with circuit.call():
        assert leave.is_set()
    holder.join()


def test_nobody_waits_longer_than_a_moment() -> None:
    circuit, begun = Circuit(places=1), time.monotonic()
    with circuit.call(), pytest.raises(CircuitOpenError), circuit.call():
        pass
    assert PLACE_SECONDS <= time.monotonic() - begun < PLACE_SECONDS + 1


def test_nobody_waits_for_a_service_that_just_failed() -> None:
    circuit = Circuit(places=1)
    with circuit.call():
        circuit.failed()
    begun = time.monotonic()
    with circuit.call(), pytest.raises(CircuitOpenError), circuit.call():
        pass
    assert time.monotonic() - begun < PLACE_SECONDS
