"""Timing of a training run: seconds spent in each stage."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

STAGES = ("data", "augment", "forward", "backward", "update", "evaluation", "writing")  # of a training run


class StageTimer:
    """Lap timer: adds up the seconds of each stage.

    On a GPU the laps are CUDA events, so that no step waits for the device; `settle` waits and adds them up.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._gpu = device.type == "cuda"
        self._marks: list[tuple[str, Any, Any]] = []
        self._last: Any = None
        self.start()

    def start(self) -> None:
        """Restart the timer; time since the last lap is not counted."""
        self.settle()
        self._last = self._now()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap, or since the start, to `stage`."""
        now = self._now()
        if self._gpu:
            self._marks.append((stage, self._last, now))
        else:
            self._add(stage, now - self._last)
        self._last = now

    def settle(self) -> None:
        """Wait for the device and add the open laps."""
        if self._marks:
            self._marks[-1][2].synchronize()
        for stage, begun, ended in self._marks:
            self._add(stage, begun.elapsed_time(ended) / 1000)
        self._marks = []

    def _add(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def _now(self) -> Any:
        if not self._gpu:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
