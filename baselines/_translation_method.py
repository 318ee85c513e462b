"""What methods that generate a contrast from another one share: what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.core import Task, param
from bench.method import Method
from bench.views import View, Volume


@dataclass(frozen=True, kw_only=True)
class TranslationMethod(Method):
    """A method that reads a scan in one contrast with the code of a pair, and returns it in another contrast."""

    kinds: ClassVar[tuple[str, ...]] = ("translation",)

    view: View = param(Volume(), "how a scan becomes the input; all contrasts stay on the prepared grid")

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        if task.kind not in self.kinds:
            return "it generates a contrast of a scan from another one, and this task predicts something else"
        return None
