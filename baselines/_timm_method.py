"""Base class of methods on networks of timm: weights from a file, and the supported input sizes."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.core import Task
from bench.method import PretrainedMethod, why_unsupported

if TYPE_CHECKING:
    from torch import nn


class TimmMethod(PretrainedMethod):
    """A classifier or regressor on a network of timm, which reads the file of weights itself and adapts its tensors.

    Subclasses have the parameters `network` and `options`.
    """

    axes: ClassVar[int] = 3  # spatial axes of the scans that it reads

    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        return self._build_network(task, shape, self.weights_file())

    def initialise(self, model: nn.Module) -> None:
        """Nothing is left to do: timm has read the file."""

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        from baselines._input_sizes import misfit

        reason = why_unsupported(self, task, shape, (self.axes,))
        return reason or misfit(lambda size: self._build_network(task, size, None), self.view, shape)

    def check(self) -> None:
        from baselines import _timm

        _timm.check(self.network, self.options or {}, self.weights_file())

    @abstractmethod
    def _build_network(self, task: Task, shape: tuple[int, ...], file: Path | None) -> nn.Module:
        """The network for scans of `shape` after the view, with the weights of a file if one is given."""
