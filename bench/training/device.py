"""The device of a training run, and deterministic algorithms on it."""

from __future__ import annotations

import os

import torch


def default_device() -> torch.device:
    """The device that trials run on: the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def enable_determinism(threads: int) -> None:
    """Set the number of threads, and use deterministic algorithms as far as torch and cuBLAS have them."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to be deterministic
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs a kernel per tensor; no code reads the values
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # fp32 means fp32
