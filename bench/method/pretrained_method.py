"""The base class of methods whose network may begin with the weights of a file or of a pretraining."""

from __future__ import annotations

import copy
import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.core import BenchError, Spec, Task, canonical, param, plain
from bench.method.base_method import Method
from bench.method.pretraining import Pretraining

if TYPE_CHECKING:
    from torch import nn

PRETRAINING = "pretrain_"  # beginning of the names of its parameters
PROBED = (1, 64, 64, 64)  # the volume for which `check` compares a file with the network


@dataclass(frozen=True, kw_only=True)
class PretrainedMethod(Method):
    """A method on a network that may begin with weights of a local file, or of a training on another data set.

    A subclass defines `build_network`. A pretraining on `pretrain_data` is a trial of its own for each fold, partition
    and seed: the same network learns the labels of the other data set, without the people of the validation and test
    parts. It has the network, the view and the file of weights of this method, and the default training parameters
    where `pretrain_params` gives no others. Output layers are not taken over if the task is another one. With
    `pretrain_method` it reads no labels.

    Frozen layers keep their batch statistics and have no dropout. The record lists every tensor that was taken from the
    file and every one that was not, on either side.
    """

    weights: str = param("", "local safetensors file with initial weights; empty: from scratch", later=True)
    checksum: str = param("", "SHA-256 of the file in `weights`; part of the trial's identity", later=True)
    train: str = param(
        "all",
        "trainable weights: all; head: the output layer and layers that the file lacks (a linear probe); last: the "
        "last stage too. All others are frozen, batch statistics included",
        ("all", "head", "last"),
        later=True,
    )
    pretrained_on: tuple[str, ...] = param(
        (),
        "data sets that the file's weights were trained on, by name; NAME@FILE: on the people of it that a text file "
        "lists; none: on no scans of people",
        later=True,
    )

    pretrain_data: str = param(
        "",
        "data set whose labels the network learns first, without people of the validation and test parts; empty: none",
        later=True,
    )
    pretrain_data_params: Mapping[str, Any] | None = param(None, "parameters of that data set, as JSON", later=True)
    pretrain_method: str = param(
        "", "method that trains the network there without labels: self_supervised; empty: the labels", later=True
    )
    pretrain_params: Mapping[str, Any] | None = param(
        None, 'parameters that differ in the pretraining, as JSON: {"lr": 0.001}', later=True
    )
    pretrain_steps: int = param(0, "optimiser steps of the pretraining; 0: the study's", later=True, within=(0,))
    pretrain_batch: int = param(0, "scans per step of the pretraining; 0: the study's", later=True, within=(0,))

    @abstractmethod
    def build_network(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        """Build the network, without the weights of a file.

        Parameters
        ----------
        task : Task
            The task to learn.
        shape : tuple of int
            Shape of a scan after the view.

        Returns
        -------
        nn.Module
            As `Method.build` describes it.
        """

    def build(self, task: Task, shape: tuple[int, ...]) -> nn.Module:
        """Build the network, with the weights of the pretraining or the file, and freeze what is not trained."""
        model = self.build_network(task, shape)
        if begun := getattr(self, "_begun", None):
            self._take_over(model, task, shape, *begun)
        elif self.weights:
            self.initialise(model)
        if self.train != "all":
            from bench.weights import freeze

            freeze(model, self.trained_names(model, task, shape))
        return model

    def initialise(self, model: nn.Module) -> None:
        """Initialise the network with the file; override it if `build_network` reads the file itself.

        Parameters
        ----------
        model : nn.Module
            The network; it gets the attribute `carried`.

        Raises
        ------
        BenchError
            If the file cannot be read, has another checksum, or has no tensor of the network.
        """
        from bench.weights import carry_over

        model = _wrapped(model)  # names of a file are those of the network, and a file may hold a part of it
        model.carried = carry_over(model, self.weights_file(), adapt=True)

    def pretraining(self, own: Spec) -> Pretraining | None:
        """Return the training on `pretrain_data`; None if that is empty.

        Raises
        ------
        BenchError
            If a parameter of it is given without `pretrain_data`, or does not exist.
        """
        given = {name: value for name, value in plain(self).items() if name.startswith(PRETRAINING)}
        if not self.pretrain_data:
            if given:
                raise BenchError(f"{own.name}: {min(given)} describes a pretraining, but pretrain_data is empty")
            return None
        changed = dict(self.pretrain_params or {})
        if wrong := [name for name in changed if name in ("train", *_named(PretrainedMethod, PRETRAINING))]:
            raise BenchError(f"{own.name}: pretrain_params cannot contain {wrong[0]!r}: a pretraining trains the whole"
                             " network from its beginning; give it to the arm")  # fmt: skip
        kept = {name: value for name, value in own.params.items() if name not in (*TRAINING, "train", *given)}
        if self.pretrain_method:
            params = {"network": own.name, "network_params": kept, **changed}
            method = registry.spec("methods", self.pretrain_method, params)
        else:
            heads = {name for name in changed if "." not in name}
            params = {**{name: value for name, value in kept.items() if name not in heads}, **changed}
            method = registry.spec("methods", own.name, params)
        data, budget = dict(self.pretrain_data_params or {}), (self.pretrain_steps, self.pretrain_batch)
        return Pretraining(self.pretrain_data, method, data, *budget, labels=not self.pretrain_method)

    def begin_with(self, weights: Path, learnt: Task, source: str) -> Method:
        """Return the method whose network begins with the weights of its pretraining; see `Method.begin_with`."""
        begun = copy.copy(self)
        object.__setattr__(begun, "_begun", (weights, learnt, source))
        return begun

    def _take_over(
        self, model: nn.Module, task: Task, shape: tuple[int, ...], weights: Path, learnt: Task, source: str
    ) -> None:
        from bench.weights import carry_pretraining

        same = (learnt.kind, learnt.classes, learnt.unit) == (task.kind, task.classes, task.unit)
        head = set() if same else self._head_names(model, task, shape)
        for module in model.modules():
            vars(module).pop("carried", None)  # of a file, which began the pretraining
        model.carried = carry_pretraining(model, weights, head, source)

    def weights_file(self) -> Path | None:
        """Return the file of weights after a check of its checksum; None if training starts from scratch."""
        from bench.weights import verified

        return verified(self.weights, self.checksum) if self.weights else None

    def trained_names(self, model: nn.Module, task: Task, shape: tuple[int, ...]) -> set[str]:
        """Return the names of the trained parameters.

        The output layer is what has another shape for another number of classes. Layers that the file lacks are trained
        too, as nothing is frozen at random where there is a file.
        """
        from bench.weights import carried_by

        free = self._head_names(model, task, shape)
        if parts := carried_by(model):
            taken = {prefix + name for prefix, carried in parts.items() for name in carried.taken}
            free |= {name for name, _ in model.named_parameters() if name not in taken}
        return free | self.last_stage(model, free) if self.train == "last" else free

    def last_stage(self, model: nn.Module, head: set[str]) -> set[str]:
        """Return the names of the parameters of the last stage, see `bench.weights.last_stage`."""
        from bench.weights import last_stage

        return last_stage(model, head)

    def record_info(self, model: nn.Module) -> Mapping[str, Any]:
        """Return what was taken from the file, and how many numbers are trained."""
        from bench.weights import carried_by

        info: dict[str, Any] = {}
        if parts := carried_by(model):
            prefix, carried = next(iter(parts.items()))
            info["carried over"] = {"said": str(carried), **carried.plain()} | ({"part": prefix} if prefix else {})
        if self.train != "all":
            numbers = [(weight.numel(), weight.requires_grad) for weight in model.parameters()]
            info["trained"] = {"of": sum(n for n, _ in numbers), "numbers": sum(n for n, free in numbers if free)}
        return info

    def note(self, shape: tuple[int, ...]) -> str:
        """Return a remark if the last stage of the network has fewer than two positions along an axis."""
        from bench.method.last_map import note_of_few_positions

        plain = self._without_file()
        task = Task("classification", "auc", ("a", "b"))
        return note_of_few_positions(
            f"{type(self).__name__} {canonical(plain)}", lambda: plain.build(task, shape), shape
        )

    def check(self) -> None:
        """Check that the file can be read and has tensors of the network."""
        if self.weights:
            self._check_fit(PROBED)
        elif self.pretrained_on:
            raise BenchError("pretrained_on describes weights of a file, but weights is empty")

    def _without_file(self) -> PretrainedMethod:
        numbers = dict.fromkeys(("pretrain_steps", "pretrain_batch"), 0)
        first = {name: None if name.endswith("params") else "" for name in _named(PretrainedMethod, PRETRAINING)}
        return replace(self, weights="", checksum="", train="all", pretrained_on=(), **{**first, **numbers})

    def _check_fit(self, shape: tuple[int, ...]) -> None:
        import torch

        with torch.random.fork_rng(devices=[]):
            self.initialise(self.build_network(Task("classification", "auc", ("a", "b")), shape))

    def _head_names(self, model: nn.Module, task: Task, shape: tuple[int, ...]) -> set[str]:
        import torch

        from bench.weights.frozen_layers import differing

        kind = "segmentation" if task.kind == "segmentation" else "classification"
        plain = self._without_file()
        for classes in (task.outputs + 2, task.outputs + 3):  # either may be what a regressor has
            other = Task(kind, task.primary, tuple(map(str, range(classes))))
            with torch.random.fork_rng(devices=[]):
                names = differing(model, plain.build_network(other, shape))
            if names:
                return names
        raise BenchError(f"no layer of {type(model).__name__} depends on the number of outputs; set train to all")


def _named(owner: type, prefix: str) -> list[str]:
    return [each.name for each in dataclasses.fields(owner) if each.name.startswith(prefix)]


TRAINING = {each.name for each in dataclasses.fields(Method)} - {"view", "normalise"}


def _wrapped(model: nn.Module) -> nn.Module:
    """The network inside wrappers that pad, cut windows or select an output: modules with nothing but `network`."""
    while [name for name, _ in model.named_children()] == ["network"]:
        model = model.network
    return model
