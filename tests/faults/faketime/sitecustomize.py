"""Python runs this at its start in a program whose clock is libfaketime's.

Its clock_nanosleep (0.9.10) takes a monotonic deadline for a moment of the wall clock and fails; select waits as long.
"""

import select
import time
from typing import SupportsFloat, SupportsIndex


def sleep(seconds: SupportsFloat | SupportsIndex, /) -> None:
    select.select([], [], [], float(seconds))


time.sleep = sleep
