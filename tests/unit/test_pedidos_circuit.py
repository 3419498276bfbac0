"""When calls to a sick service stop, when they begin again, and how long things were seen unchanged."""

import threading
import time

import pytest

from services.pedidos.circuit import FAILURES, OPEN_SECONDS, SAVED_TRIES, Budget, Circuit, CircuitOpenError
from services.pedidos.saga import Watch

LONG = float("inf")


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class SickError(Exception):
    """What a failing call raises."""


def fail(circuit: Circuit) -> None:
    with pytest.raises(SickError), circuit.call(LONG):
        raise SickError


def succeed(circuit: Circuit) -> None:
    with circuit.call(LONG):
        pass


def refused(circuit: Circuit) -> bool:
    try:
        succeed(circuit)
    except CircuitOpenError:
        return True
    return False


def opened() -> tuple[Circuit, Clock]:
    clock = Clock()
    circuit = Circuit(4, clock)
    for _ in range(FAILURES):
        assert not circuit.is_open()
        fail(circuit)
    return circuit, clock


def test_five_failures_in_a_row_stop_the_calls() -> None:
    circuit, clock = opened()
    assert circuit.is_open()
    assert refused(circuit)
    clock.now += OPEN_SECONDS - 0.1
    assert refused(circuit)


def test_a_success_between_failures_keeps_them_going() -> None:
    circuit = Circuit(4, Clock())
    for _ in range(3 * FAILURES):
        fail(circuit)
        succeed(circuit)
    assert not refused(circuit)


def test_one_probe_after_the_pause_and_no_other_beside_it() -> None:
    circuit, clock = opened()
    clock.now += OPEN_SECONDS
    assert not circuit.is_open()
    with circuit.call(LONG):
        assert refused(circuit)
    assert not refused(circuit)


def test_a_probe_that_fails_begins_another_pause() -> None:
    circuit, clock = opened()
    clock.now += OPEN_SECONDS
    fail(circuit)
    assert refused(circuit)
    clock.now += OPEN_SECONDS
    succeed(circuit)
    assert not refused(circuit)


def test_a_call_without_a_place_leaves_a_queue_that_does_not_move() -> None:
    circuit = Circuit(1)
    entered, leave = threading.Event(), threading.Event()

    def hang() -> None:
        with circuit.call(LONG):
            entered.set()
            leave.wait(10)

    hanging = threading.Thread(target=hang)
    hanging.start()
    assert entered.wait(10)
    started = time.monotonic()
    assert refused(circuit)
    assert time.monotonic() - started < 1
    leave.set()
    hanging.join()
    assert not refused(circuit)


def test_second_tries_are_a_tenth_of_the_calls_beside_the_saved_ones() -> None:
    budget = Budget()
    spent = 0
    for _ in range(1000):
        budget.earn()
        spent += budget.spend()
    assert 100 <= spent <= 100 + SAVED_TRIES


def test_a_watch_counts_from_when_it_saw_something_first() -> None:
    clock = Clock()
    watch = Watch(clock)
    assert watch.age("a") == 0
    clock.now += 5
    assert (watch.age("a"), watch.age("b")) == (5, 0)
    watch.keep({"b"})
    clock.now += 1
    assert (watch.age("a"), watch.age("b")) == (0, 1)
