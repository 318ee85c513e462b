"""What several tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch


@pytest.fixture
def written(tmp_path):
    """Write a checkpoint as its authors do; returns its path."""

    def write(content: object, name: str = "published.pth") -> Path:
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return write
