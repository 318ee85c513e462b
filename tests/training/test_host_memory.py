"""A training process keeps the memory of its tensors from step to step, and gives it back before the next trial."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.training.host_memory import keep_freed_memory

PROGRAM = """
import resource, sys
import numpy as np
from bench.training.host_memory import keep_freed_memory, return_freed_memory

def faults(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        tensors = [np.ones(size * 2**17) for size in (1, 3, 9, 40)]  # 1 to 40 MB, as a step of a 3D network has
        del tensors
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) // 1024

if sys.argv[1] == "keep":
    assert keep_freed_memory()
faults(3)
print(faults(10))
tensor = np.ones(30 * 2**20)
del tensor
kept = resident()
return_freed_memory()
print(kept - resident())
"""


def measured(how: str) -> tuple[int, int]:
    """(pages that ten steps ask for, megabytes that are given back)."""
    command = [sys.executable, "-c", PROGRAM, how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONMALLOC": ""})
    pages, megabytes = map(int, done.stdout.split())
    return pages, megabytes


@pytest.mark.skipif(not keep_freed_memory(), reason="this C library is not glibc")
def test_steps_ask_for_no_new_pages_and_the_memory_is_given_back():
    kept, returned = measured("keep")
    assert kept < 500
    assert returned > 200
    assert measured("as it is")[0] > 20 * max(kept, 1)
