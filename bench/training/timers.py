"""Where the time of a training goes: seconds by what they were spent on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

STAGES = ("data", "forward", "backward", "update", "evaluation", "writing")  # of a training


class StageTimer:
    """Laps of a run: the seconds since the lap before belong to `what`.

    On a GPU the marks are events in its stream, so that no step waits to be timed; `settle` waits, and adds them up.
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

    def lap(self, what: str) -> None:
        """Add the time since the last lap, or the start, to `what`."""
        now = self._now()
        if self._gpu:
            self._marks.append((what, self._last, now))
        else:
            self._add(what, now - self._last)
        self._last = now

    def settle(self) -> None:
        """Wait for the device and add the open laps."""
        if self._marks:
            self._marks[-1][2].synchronize()
        for what, begun, ended in self._marks:
            self._add(what, begun.elapsed_time(ended) / 1000)
        self._marks = []

    def _add(self, what: str, seconds: float) -> None:
        self.seconds[what] = self.seconds.get(what, 0.0) + seconds

    def _now(self) -> Any:
        if not self._gpu:
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
