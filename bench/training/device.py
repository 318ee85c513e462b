"""The device of a training, and what makes equal trials give equal numbers on it."""

from __future__ import annotations

import os

import torch


def device_of() -> torch.device:
    """Where trials run: the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def be_deterministic(threads: int) -> None:
    """Equal numbers from equal trials, as far as torch and cuBLAS have operations that give them."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs to give equal sums
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a kernel for every tensor, and nobody reads it
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # fp32 means fp32
