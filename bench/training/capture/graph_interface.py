"""What a recorded piece of work must do: `cuda_graph` has the real one, the tests have one for processors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

Call = Callable[[], Tensor]


class CaptureError(Exception):
    """The work cannot be recorded. The message is the reason, as a clause for a sentence."""


class CapturedGraph(ABC):
    """Device work that is recorded once and replayed as a whole.

    A replay repeats the operations on the same memory, with the same Python numbers; random numbers go on where the
    generators are. Python code does not run again.
    """

    @abstractmethod
    def warm_up(self, call: Call) -> Tensor:
        """Run the work once without recording it, as a capture needs it to have run before."""

    @abstractmethod
    def capture(self, call: Call) -> Tensor:
        """Record the work and return its output, which every replay writes again. CaptureError if that is impossible.

        Whether the work is carried out too is left open: the caller restores what it changes.
        """

    @abstractmethod
    def replay(self) -> None:
        """Carry out the recorded work."""


class GraphSource(ABC):
    """Makes the graphs of one training."""

    timed: ClassVar[bool]  # True: a graph is used only if a replay takes less time than a step without it

    @abstractmethod
    def new(self, generators: Sequence[torch.Generator] = ()) -> CapturedGraph:
        """A graph. generators: those that its work draws from, besides torch's own."""

    @abstractmethod
    def synchronise(self) -> None:
        """Wait until the device has done all work."""
