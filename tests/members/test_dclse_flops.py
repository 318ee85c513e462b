"""The operations of DCL-SE, counted by hand from the published table of its layers."""

from __future__ import annotations

import pytest

from bench.core import Task
from bench.registry import make
from bench.training import model_cost

# blocks, channels in and out, stride, expansion: S1 to S7
TABLE = [(1, 32, 16, 1, 1), (2, 16, 24, 2, 6), (3, 24, 32, 2, 6), (4, 32, 64, 2, 6), (3, 64, 96, 1, 6)]
TABLE += [(3, 96, 160, 2, 6), (1, 160, 320, 1, 6)]
GROUPED = {1: 16, 4: 64, 6: 160}  # stage -> channels of the mechanism after it; C1 has 1280


def branch(start: int, end: int, expansion: int, size: int, before: int, after: int) -> int:
    """Multiplications of expand, filter, mix and project. before, after: pixels."""
    wide = start * expansion
    return start * wide * before + (size**2 * wide + wide * wide + wide * end) * after


def multiplications(side: int, classes: int, dgm: bool) -> int:
    """Of convolutions and linear layers, for an image of three channels, side x side."""
    half = -(-side // 2)
    total, pixels = 3 * 32 * 9 * half**2, half**2
    for number, (blocks, start, end, stride, expansion) in enumerate(TABLE, 1):
        for block in range(blocks):
            if block == 0 and stride == 2:
                before, half = pixels, -(-half // 2)
                pixels = half**2
                total += sum(branch(start, end, expansion, size, before, pixels) for size in (3, 5))
                total += start * end * pixels
            else:
                total += branch(start, end, expansion, 3, pixels, pixels) + 2 * end * (end // 16)
            start = end
        total += 3 * GROUPED[number] ** 2 // 8 * pixels if dgm and number in GROUPED else 0
    total += 320 * 1280 * pixels + (3 * 1280**2 // 8 * pixels if dgm else 0)
    return total + 1280 * classes


@pytest.mark.parametrize(("dgm", "side", "giga"), [(1, 110, 0.290), (0, 110, 0.280), (1, 224, 1.077), (0, 224, 1.045)])
def test_the_table_gives_the_published_operations(dgm, side, giga):
    assert round(multiplications(side, 2, dgm) / 1e9, 3) == giga


@pytest.mark.parametrize("side", [110, 224, 31])
@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("dgm", [True, False])
def test_the_operations_are_those_of_the_table_exactly(side, classes, dgm):
    task = Task("classification", "auc", tuple(str(at) for at in range(classes)))
    method = make("methods", "dclse", {} if dgm else {"dgm": "none"})
    assert model_cost.measure(method, task, (3, side, side))["forward_flops"] == 2 * multiplications(side, classes, dgm)
