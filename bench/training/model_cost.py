"""Cost of a network: parameters, operations, memory, seconds.

Operations are floating-point operations of one forward pass of one scan, two for every multiplication with its
addition, in convolutions, linear layers and matrix products; torch's counter is right for those, and wrong for the
backward pass of grouped convolutions, which is therefore not reported.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, Task
from bench.training.host_memory import return_freed_memory

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bench.method import Method

MEGABYTE = 2**20


def parameters(model: nn.Module) -> int:
    """Number of trained parameters, plus the numbers that a solved model stores of the training part."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad) + getattr(
        model, "stored_numbers", 0
    )


def forward_flops(model: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Operations of the forward pass of one scan of `shape`, (C, ...), as the network sees it.

    None for a model with operations that the counter does not cover (`uncounted`): comparisons, distances.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    if getattr(model, "uncounted", False):
        return None

    training, device = model.training, _device(model)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, *shape, device=device))
    model.train(training)
    return counter.get_total_flops()


def seconds_per_scan(model: nn.Module, shape: tuple[int, ...], repeats: int = 5) -> float:
    """Shortest time of `repeats` forward passes of one scan in evaluation mode, after one warm-up pass."""
    import torch

    training, x = model.training, torch.zeros(1, *shape, device=_device(model))
    model.eval()
    seconds = []
    with torch.no_grad():
        for _ in range(repeats + 1):
            start = time.perf_counter()
            model(x)
            if x.is_cuda:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
    model.train(training)
    return min(seconds[1:])


def measure(method: Method, task: Task, shape: tuple[int, ...], timed: bool = False) -> dict[str, Any]:
    """Parameters and forward operations of the method's network for scans of `shape`, (C, ...), after the view.

    timed: also the seconds per scan. BenchError if the network cannot be built for such scans.
    """
    import torch

    torch.manual_seed(0)
    try:
        model = method.build(task, tuple(shape))
        cost = {"parameters": parameters(model), "forward_flops": forward_flops(model, tuple(shape))}
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise BenchError(f"the network cannot read scans of {tuple(shape)}: {error}") from error
    return {**cost, "seconds_per_scan": seconds_per_scan(model, tuple(shape))} if timed else cost


def reset_peak_memory(device: torch.device | str) -> None:
    """Restart the measurement of peak memory: of a GPU, or of this process on Linux."""
    import torch

    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        return_freed_memory()  # of the trials before
        with contextlib.suppress(OSError):  # not allowed in some containers: then the peak is the whole process's
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_memory_mb(device: torch.device | str) -> float | None:
    """Peak memory in megabytes since the last reset: allocated by torch on a GPU, else by this process.

    None if it cannot be measured for a single trial: on a CPU, on systems other than Linux.
    """
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MEGABYTE
    if sys.platform != "linux":
        return None
    try:
        lines = Path("/proc/self/status").read_text("utf-8", "replace").splitlines()
    except OSError:  # a container without /proc
        return None
    peaks = [line for line in lines if line.startswith("VmHWM:")]  # a kernel in user space has none
    return int(peaks[0].split()[1]) * 1024 / MEGABYTE if peaks else None


def _device(model: nn.Module) -> Any:
    import torch

    return next((weight.device for weight in model.parameters()), torch.device("cpu"))
