"""How much of a training step is spent on asking the system for memory? One line for each network.

Run as `python tests/performance/host_memory.py`: each network makes the same steps in a process that keeps freed memory
(`bench.training.host_memory`) and in one that does not, in turn, three times; the fastest of each counts. Milliseconds
of a processor core for a step, those of them that the system spent, and the peak memory of the process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import torch
from torch import Tensor, nn

from bench.core import Task
from bench.registry import make
from bench.training.device import enable_determinism
from bench.training.host_memory import keep_freed_memory

TWO = Task("classification", "auc", ("a", "b"))
REGIONS = Task("segmentation", "dice", tuple("abcdefghi"))
CASES = {  # method, parameters, task, scans of a step
    "unet3d": ({"channels": "8,16,32,64"}, REGIONS, (1, 1, 31, 37, 31)),
    "sfcn": ({}, TWO, (8, 1, 24, 28, 24)),
    "timm2d": ({}, TWO, (8, 3, 109, 91)),
    "dclse": ({}, TWO, (16, 3, 64, 64)),
}
STEPS = 12


def built(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, and the scans and labels of its steps."""
    params, task, shape = CASES[name]
    enable_determinism(1)
    torch.manual_seed(0)
    labels = (shape[0], *shape[2:]) if task is REGIONS else (shape[0],)
    y = torch.randint(0, len(task.classes), labels)
    return make("methods", name, params).build(task, shape[1:]), torch.randn(shape), y


def measure(name: str, keep: bool) -> None:
    """Print milliseconds of a step, those of the system, and the peak in megabytes."""
    network, x, y = built(name)
    if keep:
        keep_freed_memory()
    optimiser = torch.optim.AdamW(network.parameters())
    for step in range(3 + STEPS):
        if step == 3:
            begun, system = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_stime
        optimiser.zero_grad()
        answer = network(x)
        answer = answer if isinstance(answer, Tensor) else answer[0]
        nn.functional.cross_entropy(answer, y).backward()
        optimiser.step()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print((time.process_time() - begun) / STEPS, (used.ru_stime - system) / STEPS, used.ru_maxrss / 1024)


def main() -> None:
    """Print a table in Markdown."""
    print("| network | ms a step, as it is | ms, kept | ratio | of the system, as it is | kept | MB, as it is | kept |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in CASES:
        found: dict[str, list[list[float]]] = {"plain": [], "keep": []}
        for _ in range(3):
            for how, rows in found.items():
                command = [sys.executable, __file__, name, how]
                rows.append([float(word) for word in subprocess.check_output(command, text=True).split()])
        plain, keep = min(found["plain"]), min(found["keep"])
        times = f"{1000 * plain[0]:.0f} | {1000 * keep[0]:.0f} | {plain[0] / keep[0]:.2f}"
        print(f"| {name} | {times} | {1000 * plain[1]:.0f} | {1000 * keep[1]:.0f} | {plain[2]:.0f} | {keep[2]:.0f} |")


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(sys.argv[1], sys.argv[2] == "keep")
    else:
        main()
