"""What a GPU gains from lower precision, layout, data on the device and compilation, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

from performance.measure import Result, Settings, paired

SHAPE, BATCH = (3, 110, 110), 8
COMPARED = (
    "steps of resnet18 on a GPU against the plain loop: float32, usual layout, each batch copied from main memory"
)
VARIANTS = {
    "bf16": {"mixed": True},
    "channels-last": {"last": True},
    "data on the device": {"held": True},
    "bf16, channels-last, data on the device": {"mixed": True, "last": True, "held": True},
    "torch.compile": {"compiled": True},
}


def run(settings: Settings) -> Iterator[Result]:
    """One variant after the other, each in turns with the plain loop."""
    import torch

    if not torch.cuda.is_available():
        yield Result("training on a GPU", skipped="torch sees no GPU here")
        return
    for name, how in VARIANTS.items():
        ratios = paired(_steps(**how), _steps(), settings.pairs(15), least=0.2)
        yield Result(f"training on a GPU, {name}", ratios, compared=COMPARED)


def _steps(mixed: bool = False, last: bool = False, on_gpu: bool = False, compiled: bool = False) -> Callable[[], Any]:
    """A call that makes ten steps and waits for the device."""
    import torch
    from torch.nn import functional as F

    from bench import registry
    from bench.core import Task

    x, y = torch.randn(8 * BATCH, *SHAPE), torch.arange(8 * BATCH) % 2
    form = torch.channels_last if last else torch.contiguous_format
    model = registry.make("methods", "timm2d").build(Task("classification", "auc", ("a", "b")), SHAPE)
    model = model.cuda().to(memory_format=form)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    called = torch.compile(model) if compiled else model
    x, y = (x.cuda(), y.cuda()) if on_gpu else (x.pin_memory(), y.pin_memory())

    def steps() -> None:
        for step in range(10):
            rows = slice(step % 8 * BATCH, (step % 8 + 1) * BATCH)
            images = x[rows].to("cuda", non_blocking=True, memory_format=form)
            with torch.autocast("cuda", torch.bfloat16) if mixed else nullcontext():
                loss = F.cross_entropy(called(images), y[rows].to("cuda", non_blocking=True))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        torch.cuda.synchronize()

    return steps
