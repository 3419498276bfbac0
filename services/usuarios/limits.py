"""How slowly passwords may be guessed and accounts made: rules over the moments of earlier tries (P34).

Counted per account and address, per account (a growing delay, never a lock) and per address, so that guessing is slow
and nobody can shut somebody else out.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

MINUTE, HOUR = 60_000, 3_600_000
WINDOW = 5 * MINUTE
LONGEST_DELAY = 5 * MINUTE


@dataclass(frozen=True)
class Tries:
    """Moments (milliseconds, ascending) of wrong sign-ins in the last hour."""

    account_and_address: Sequence[int]
    account: Sequence[int]
    address: Sequence[int]


def wait_before_sign_in(tries: Tries, now: int, limit: int) -> int:
    """Milliseconds until another try is allowed; 0 for now. ``limit`` is LIMITE_ACCESOS, 0 for none."""
    if not limit:
        return 0
    return max(
        until_window_has_room(tries.account_and_address, now, limit, WINDOW),
        until_window_has_room(tries.address, now, 6 * limit, WINDOW),
        growing_delay(tries.account, now, 5 * limit),
    )


def until_window_has_room(moments: Sequence[int], now: int, limit: int, window: int) -> int:
    recent = [moment for moment in moments if moment > now - window]
    return max(0, recent[-limit] + window - now) if len(recent) >= limit else 0


def growing_delay(moments: Sequence[int], now: int, free: int) -> int:
    """After ``free`` wrong tries in an hour each further one doubles the delay, from one second to five minutes."""
    recent = [moment for moment in moments if moment > now - HOUR]
    if len(recent) < free:
        return 0
    delay: int = min(LONGEST_DELAY, 1000 * 2 ** min(len(recent) - free, 20))
    return max(0, recent[-1] + delay - now)


def visitor_address(peer: str, forwarded: str, proxies: tuple[str, ...]) -> str:
    """The address that is counted: the peer's, or the last one that a trusted peer forwards for.

    IPv6 addresses count by their /64 network, which one visitor has whole.
    """
    address = peer
    for candidate in reversed([text.strip() for text in forwarded.split(",") if text.strip()]):
        if address not in proxies or not _is_address(candidate):
            break
        address = candidate
    return _network(address)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _network(address: str) -> str:
    if ":" not in address or not _is_address(address):
        return address
    return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))
