"""How long a sign-in waits, and whose address is counted (P34)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.usuarios.limits import (
    HOUR,
    LONGEST_DELAY,
    WINDOW,
    Tries,
    growing_delay,
    until_window_has_room,
    visitor_address,
    wait_before_sign_in,
)

NOW = 10 * HOUR
moments = st.lists(st.integers(NOW - HOUR, NOW), max_size=120).map(sorted)


def ago(*milliseconds: int) -> list[int]:
    return sorted(NOW - past for past in milliseconds)


@pytest.mark.parametrize(
    ("tries", "wait"),
    [
        ([], 0),
        (ago(*[1000] * 9), 0),
        (ago(*[1000] * 10), WINDOW - 1000),
        (ago(*[1000] * 9, WINDOW - 1), 1),
        (ago(*[1000] * 9, WINDOW), 0),
        (ago(*range(20)), WINDOW - 9),  # the tenth newest must leave the window
    ],
)
def test_a_window_has_room_when_its_tenth_newest_try_has_left_it(tries: list[int], wait: int) -> None:
    assert until_window_has_room(tries, NOW, 10, WINDOW) == wait


@settings(deadline=None, database=None)
@given(moments, st.integers(1, 20))
def test_after_the_wait_the_window_has_room_and_not_before(tries: list[int], limit: int) -> None:
    wait = until_window_has_room(tries, NOW, limit, WINDOW)
    assert 0 <= wait <= WINDOW
    assert until_window_has_room(tries, NOW + wait, limit, WINDOW) == 0
    if wait:
        assert until_window_has_room(tries, NOW + wait - 1, limit, WINDOW) == 1


@pytest.mark.parametrize(
    ("tries", "delay"),
    [
        (49, 0),
        (50, 1_000),
        (51, 2_000),
        (52, 4_000),
        (57, 128_000),
        (58, 256_000),
        (59, 300_000),
        (500, 300_000),
    ],
)
def test_the_delay_of_an_account_doubles_up_to_five_minutes(tries: int, delay: int) -> None:
    assert growing_delay([NOW] * tries, NOW, 50) == delay
    assert growing_delay([NOW] * tries, NOW + delay, 50) == 0


@settings(deadline=None, database=None)
@given(moments)
def test_an_account_is_never_locked_for_longer_than_five_minutes(tries: list[int]) -> None:
    assert 0 <= growing_delay(tries, NOW, 50) <= LONGEST_DELAY
    assert growing_delay(tries, NOW + HOUR, 50) == 0


@pytest.mark.parametrize(
    ("pair", "account", "address", "waits"),
    [
        (9, 9, 9, False),
        (10, 10, 10, True),
        (0, 49, 0, False),
        (0, 50, 0, True),
        (0, 0, 59, False),
        (0, 0, 60, True),
    ],
)
def test_pair_account_and_address_are_counted_apart(
    pair: int, account: int, address: int, waits: bool
) -> None:
    tries = Tries([NOW] * pair, [NOW] * account, [NOW] * address)
    assert (wait_before_sign_in(tries, NOW, 10) > 0) == waits
    assert wait_before_sign_in(tries, NOW, 0) == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "counted"),
    [
        ("127.0.0.1", "", (), "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", (), "127.0.0.1"),
        ("198.51.100.1", "203.0.113.9", ("127.0.0.1",), "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9", ("127.0.0.1",), "203.0.113.9"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9", ("127.0.0.1",), "203.0.113.9"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.1", ("127.0.0.1", "10.0.0.1"), "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9 , ", ("127.0.0.1",), "203.0.113.9"),
        ("127.0.0.1", "unknown", ("127.0.0.1",), "127.0.0.1"),
        ("127.0.0.1", "'; DROP TABLE intentos; --", ("127.0.0.1",), "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9:8080", ("127.0.0.1",), "127.0.0.1"),
        ("127.0.0.1", "x" * 8000, ("127.0.0.1",), "127.0.0.1"),
        ("2001:db8::1", "", (), "2001:db8::/64"),
        ("127.0.0.1", "2001:db8:0:0:ffff::1", ("127.0.0.1",), "2001:db8::/64"),
        ("fe80::1%eth0", "", (), "fe80::/64"),
        ("", "", (), ""),
    ],
)
def test_the_counted_address_is_the_last_that_a_trusted_peer_vouches_for(
    peer: str, forwarded: str, proxies: tuple[str, ...], counted: str
) -> None:
    assert visitor_address(peer, forwarded, proxies) == counted


@settings(deadline=None, database=None)
@given(st.text(max_size=100))
def test_no_forwarded_header_breaks_the_count(forwarded: str) -> None:
    visitor_address("127.0.0.1", forwarded, ("127.0.0.1",))
