"""The C library's heap, where it is glibc's; elsewhere nothing is done.

glibc gives each thread a heap of its own and keeps there what a thread once needed.
"""

import ctypes

MOST_HEAPS = -8  # M_ARENA_MAX of malloc.h


def share_one_heap() -> None:
    """Let all threads allocate from one heap; to be called before there are threads."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.mallopt(MOST_HEAPS, 1)


def give_back() -> None:
    """Return the heap's free memory to the system."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
