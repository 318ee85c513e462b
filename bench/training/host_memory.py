"""How this process asks the system for memory: a training step frees and asks for the same tensors again and again.

By default glibc maps every large tensor anew and gives it back when it is freed, so each step pays for the pages: a
third of a step of a 3D U-Net on a processor, a tenth of that of a ResNet-18 (`tests/performance/host_memory.py`).
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # of mallopt(3)
NEVER = 2**31 - 1
PAD = 64 * 2**20  # bytes that the heap grows by


def keep_freed_memory() -> bool:
    """Keep freed memory in this process for the next tensors.

    Returns
    -------
    bool
        Whether the C library can do it: glibc can.
    """
    library = _library()
    if library is None:
        return False
    settings = ((MMAP_MAX, 0), (TRIM_THRESHOLD, NEVER), (TOP_PAD, PAD))
    return all(library.mallopt(option, value) == 1 for option, value in settings)


def return_freed_memory() -> None:
    """Give freed memory back to the system, as before a trial whose own peak is measured."""
    library = _library()
    if library is not None:
        library.malloc_trim(0)


@cache
def _library() -> ctypes.CDLL | None:
    """The C library if it is glibc, else None."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    known = all(hasattr(library, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim"))
    return library if known else None
