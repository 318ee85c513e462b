"""Base class of methods on networks of timm: weights from a file, and the supported input sizes."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import Task
from bench.method import Method, why_unsupported

if TYPE_CHECKING:
    from torch import nn


class TimmMethod(Method):
    """A classifier or regressor of volumes on a network of timm.

    Subclasses have the parameters `network`, `options`, `weights` and `checksum`.
    """

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        return self._build_network(task, shape, self._weights_file())

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        from baselines._input_sizes import misfit

        reason = why_unsupported(self, task, shape, (3,))
        return reason or misfit(lambda size: self._build_network(task, size, None), self.view, shape)

    def check(self) -> None:
        from baselines import _timm

        _timm.check(self.network, self.options or {}, self._weights_file())

    @abstractmethod
    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        """The network for scans of `shape` after the view, with the weights of a file if one is given."""

    def _weights_file(self) -> Path | None:
        from bench.weights import verified

        return verified(self.weights, self.checksum) if self.weights else None
