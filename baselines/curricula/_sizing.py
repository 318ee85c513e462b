"""Base class of curricula that change the size of scans: unsupported sizes are an error before training."""

from __future__ import annotations

from abc import abstractmethod

from bench.core import Task
from bench.curriculum import Curriculum
from bench.method import Method

MOMENTS = 200  # points of training at which the sizes are checked before it starts


class SizeCurriculum(Curriculum):
    """Scans of another size at each stage. Subclasses have the parameter `smallest`."""

    @abstractmethod
    def size(self, progress: float, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The spatial size at `progress` of scans that are (C, ...)."""

    def refuses(self, method: Method, task: Task, shape: tuple[int, ...]) -> str | None:
        if reason := super().refuses(method, task, shape):
            return reason
        sizes = {self.size(at / MOMENTS, shape) for at in range(MOMENTS)}
        if sizes == {shape[1:]}:
            return f"scans of {shape[1:]} are not larger than smallest={self.smallest}"
        from baselines.curricula import _network

        return _network.unread(method, task, shape, sizes)
