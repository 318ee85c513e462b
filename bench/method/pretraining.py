"""What a network is trained on before it is trained on its own task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.core import Spec


@dataclass(frozen=True)
class Pretraining:
    """A training whose weights begin the network of a trial.

    It never learns from people of the validation and test parts of that trial.

    Attributes
    ----------
    data : str
        Name of the data set that it learns from.
    data_params : mapping of str to object
        Parameters that differ from the data set's defaults.
    method : Spec
        Method that is trained there.
    steps, batch_size : int
        Steps of the optimiser, and scans per step; 0: those of the study.
    labels : bool
        Whether it learns the labels of the data set; if not, the task of the method is `bench.core.PRETEXT`.
    """

    data: str
    method: Spec
    data_params: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 0
    batch_size: int = 0
    labels: bool = True
