"""A floor of translation: the source contrast is returned as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from baselines._translation_method import TranslationMethod
from bench.core import Task

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class CopySource(TranslationMethod):
    """The image of the source contrast, with the mean and the deviation of the target contrast.

    Both contrasts are normalised by the training part, so that their mean and deviation are alike.
    """

    family: ClassVar[str] = "floor"
    solves: ClassVar[bool] = True
    learns: ClassVar[bool] = False

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        from baselines._translation_networks import SourceCopy

        return SourceCopy()


METHOD = CopySource
