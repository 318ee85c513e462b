"""The base class of methods: a network and how it is trained, as a frozen dataclass of hyper-parameters.

This file imports torch only where it is used, so that methods can be listed without it.

Five methods of `Method` and two functions have new names. The old names (`RENAMED`, `unfit`, `overheard`) stay as
aliases in this version and go with the next one: a subclass may define or call either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core import BenchError, Floats, Range, Spec, Task, Trial, param
from bench.core.task_kinds import BUILT_IN
from bench.method.augmentation_policies import NAMES, NONE, Augmentation
from bench.method.losses import label_losses
from bench.method.network_outputs import capture_outputs
from bench.method.pretraining import Pretraining
from bench.method.training_batch import Batch
from bench.views import View, Volume

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

# Search space for any method that is trained by gradient steps.
DESCENT: Mapping[str, Range] = {
    "lr": Floats(1e-5, 1e-2, log=True),
    "weight_decay": Floats(1e-5, 0.3, log=True),
    "warmup": Floats(0.0, 0.2),
}
ONE_SCAN = BUILT_IN  # kinds of task whose samples are single scans: what a method can do unless it says otherwise
FAMILIES = ("floor", "2d", "3d", "hybrid", "distillation", "dclse")
RENAMED: Mapping[str, str] = {  # deprecated name of a method of `Method` -> its name
    "told": "record_info",
    "shown": "view_for",
    "on": "bind_spacing",
    "watch": "logged_metrics",
    "remark": "note",
}


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """Base class of methods. Subclasses are final frozen dataclasses; their fields are the hyper-parameters.

    A subclass defines `family` and `build`, and overrides `step` if its loss is not `label_losses` alone.
    """

    family: ClassVar[str]  # one of FAMILIES
    version: ClassVar[int] = 1  # increase it when results of the method change
    blind: ClassVar[bool] = False  # True: it ignores the scans; a method that scores no better has learnt nothing
    reads_covariates: ClassVar[bool] = False  # True: it reads the declared covariates, (B, C), NaN if missing; no scan
    solves: ClassVar[bool] = False  # True: `solve` fits the weights; no optimiser steps are taken
    kinds: ClassVar[tuple[str, ...]] = ONE_SCAN  # kinds of task that it is made for; every other one is refused
    learns: ClassVar[bool] = True  # False, where `solves`: there is nothing to fit, and `solve` is not called
    learns_label_maps: ClassVar[bool] = False  # True, of pairs: its loss reads their label maps, which else only judge
    reads_groups: ClassVar[bool] = False  # True: `solve` gets `groups`, the person of each training scan
    space: ClassVar[Mapping[str, Range]] = {}  # parameter -> range of a search; it includes the default

    view: View = param(Volume(), "how a scan becomes the input of the network")
    normalise: str = param(
        "train", "train: by mean and standard deviation of each channel over the training part", ("train", "none")
    )
    augment: str = param(
        Augmentation(NONE), "random changes of the training scans; bench describe augment lists them: " + NAMES
    )
    optimiser: str = param("adamw", "optimisation algorithm", ("adamw", "adam", "sgd"))
    lr: float = param(1e-3, "peak learning rate", within=(0,))
    weight_decay: float = param(0.01, "weight decay; decoupled in AdamW", within=(0,))
    schedule: str = param(
        "cosine",
        "course of the learning rate over the optimiser steps; poly: (1 - share of the steps)^0.9",
        ("cosine", "constant", "poly"),
    )
    warmup: float = param(0.0, "fraction of the steps over which the learning rate rises linearly", within=(0, 1))
    momentum: float = param(0.9, "sgd: Nesterov momentum", later=True, within=(0, 1))
    layer_decay: float = param(
        1.0, "factor of the learning rate from each layer to the one before it", later=True, within=(0, 1)
    )
    decays: str = param(
        "all", "weights that decay; matrices: without biases, norms, scales", ("all", "matrices"), later=True
    )
    clip: float = param(0.0, "largest norm of the gradient of a step; 0: not limited", later=True, within=(0,))
    label_smoothing: float = param(
        0.0, "share of each label that is spread over all classes; classes and masks", later=True, within=(0, 1)
    )
    ema: float = param(
        0.0, "decay per step of the moving average of the weights that is evaluated; 0: none", later=True, within=(0, 1)
    )
    steps: int = param(0, "optimiser steps, where fewer than the study's; 0: the study's", later=True, within=(0,))
    patience: int = param(
        0,
        "training ends if the point that validation chooses is this many points old; 0: never",
        later=True,
        within=(0,),
    )
    harmonise: str = param(
        "none",
        "combat: differences between sites are removed from the voxels after the view, fitted on the training part",
        ("none", "combat"),
        later=True,
    )

    @abstractmethod
    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        """Build the untrained network.

        Parameters
        ----------
        task : Task
            The task to learn; `task.outputs` is the number of outputs.
        shape : tuple of int
            Shape of a scan after the view: (C, D, H, W), or (C, H, W).

        Returns
        -------
        nn.Module
            Maps (B, *shape) to logits (B, task.outputs), or (B, task.outputs, ...) for masks. All its state is in
            parameters and buffers; a killed training resumes from those.
        """

    def step(self, model: nn.Module, batch: Batch) -> Tensor:
        """Compute the loss of each scan of a batch.

        Parameters
        ----------
        model : nn.Module
            The network, in training mode.
        batch : Batch
            The scans of this step.

        Returns
        -------
        Tensor of shape (B,)
            Losses with gradient. A loss of the batch as a whole is added to each of them.
        """
        return label_losses(model(batch.x), batch)

    def solve(self, model: nn.Module, x: np.ndarray, y: np.ndarray, task: Task, seed: int) -> None:
        """Fit the weights of `model` in place, without optimiser steps; called if `solves` is true.

        Parameters
        ----------
        model : nn.Module
            The network to fit.
        x : ndarray of shape (N, *shape)
            The training scans, normalised.
        y : ndarray of shape (N,), or (N, ...) for masks
            Targets as in `Batch`.
        task : Task
            The task to learn.
        seed : int
            Seed for everything that is drawn at random.
        groups : ndarray of shape (N,)
            Person of each scan, which inner folds must not divide. A further argument, given if `reads_groups` is true.

        Raises
        ------
        TypeError
            If the method does not override it.
        """
        raise TypeError(f"{type(self).__name__} is trained by steps")

    def view_for(self, task: Task) -> View:
        """Return the view used for a task; override it to use another one for segmentation."""
        return self.view

    def bind_spacing(self, spacing: tuple[float, ...]) -> Method:
        """Return the method for scans of `spacing`; override it if the network depends on the spacing.

        Parameters
        ----------
        spacing : tuple of float
            Millimetres along the spatial axes of the prepared scans.

        Returns
        -------
        Method
            A method of the same class; by default this one.
        """
        return self

    def logged_metrics(self, model: nn.Module) -> Mapping[str, float]:
        """Return numbers to log at every evaluation point, by name."""
        return {}

    def record_info(self, model: nn.Module) -> Mapping[str, Any]:
        """Return facts about the trained network for the record, in plain JSON, such as the weights it loaded."""
        return {}

    def check(self) -> None:  # noqa: B027 (most methods have nothing to check)
        """Check the parameters once before a study.

        Raises
        ------
        BenchError
            If a parameter names something that does not exist: a network, a file.
        """

    def refuses(self, task: Task, shape: tuple[int, ...]) -> str | None:
        """Return why the method does not support `task` on scans of `shape`, or None if it does.

        Parameters
        ----------
        task : Task
            The task of the data set.
        shape : tuple of int
            Shape of a prepared scan, before the view: (C, D, H, W), or (C, H, W).

        Returns
        -------
        str or None
            The reason, as a clause for a sentence.
        """
        return None

    def mixes_labels(self, task: Task) -> bool:
        """Return whether the loss reads the second classes of mixed scans, `Batch.mixture`; mixup of classes needs it.

        By default True if `step` is not overridden. Override it if every label goes through `label_losses`.
        """
        return type(self).step is Method.step

    def note(self, shape: tuple[int, ...]) -> str:
        """Return a remark for readers of the scores if scans of `shape` (after the view) need one; else ""."""
        return ""

    def upstream(self, trial: Trial) -> tuple[Trial, ...]:
        """Return the trials that must be finished before `trial`, a trial of this method: its teachers."""
        return ()

    def pretraining(self, own: Spec) -> Pretraining | None:
        """Return the training whose weights begin the network; None if there is none. `own`: this method's spec."""
        return None

    def begin_with(self, weights: Path, learnt: Task, source: str) -> Method:
        """Return the method with a network that begins with the weights of its pretraining.

        Parameters
        ----------
        weights : Path
            The saved weights.
        learnt : Task
            The task of the pretraining.
        source : str
            What it was trained on, in words.

        Raises
        ------
        TypeError
            If the method has no pretraining.
        """
        raise TypeError(f"{type(self).__name__} has no pretraining")

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        family = getattr(cls, "family", None)
        if family is not None and family not in FAMILIES:
            raise BenchError(f"the family of {cls.__qualname__} is {family!r}; it must be one of {', '.join(FAMILIES)}")
        for old, new in RENAMED.items():
            owner = next(each for each in cls.__mro__ if old in vars(each) or new in vars(each))
            if new not in vars(owner):
                setattr(cls, new, vars(owner)[old])
            elif old not in vars(owner):
                setattr(cls, old, vars(owner)[new])

    told, shown, on, watch, remark = record_info, view_for, bind_spacing, logged_metrics, note


overheard = capture_outputs  # deprecated name
