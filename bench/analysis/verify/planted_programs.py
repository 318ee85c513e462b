"""The data sets and networks that faults are planted into: the same few lines with one line changed."""

from __future__ import annotations

from collections.abc import Mapping

from bench.core import Arm, Data, Recipe, Study

_DATASET = '''"""{people} made-up people."""

from dataclasses import dataclass

import numpy as np
from bench.core import Dataset, Sample, Scan, Task, param, seed_of


@dataclass(frozen=True)
class Planted(Dataset):
    """A square with a middle that may be darker in patients."""

    title = source = licence = citation = layout = "made by a program"
    phantom = {phantom}
    task = Task("classification", "auc", ("healthy", "patient"))
    shape, spacing = {shape}, (1.0,) * {axes}
    floor_covariates = {covariates}

    seed: int = param(0, "of all random numbers")

    def samples(self, root):
        return [self._sample(root, at) for at in range({people})]

    def _sample(self, root, at):
        label, group, site, known, part = at % 2, f"p{{at:03d}}", "", {{}}, ""
        rng = np.random.default_rng(seed_of("person", self.seed, at))
        {sample}
        files = () if root is None else (root / "all",)
        read = lambda: Scan(self._image(at, label), self.spacing)
        return Sample(f"s{{at:03d}}", group, float(label), str(label), read, site, files, known, part)

    def _noise(self, at):
        return np.random.default_rng(seed_of("scan", self.seed, at)).normal(1.0, 0.2, self.shape)

    def _image(self, at, label):
        image = self._noise(at)
        {image}
        return np.asarray(image, np.float32)


DATASET = Planted
'''
_HEAD = '''
import numpy as np
from functools import cache
from scipy.ndimage import gaussian_filter


def _smooth(seed, width):
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(64, 64)), width)
    return field / field.std()


@cache
def head(who):
    """A head: what all have in common, and smooth differences of its own."""
    return (_smooth(0, 6) + 0.3 * _smooth(1 + who, 2))[None]

'''
_NETWORK = '''"""A linear layer on coarse pixels."""

import math
from dataclasses import dataclass

import torch
from bench.core import param
from bench.method import Method
from bench.views import Image, View
from torch import nn


class Layer(nn.Sequential):
    """The network."""

    {layer}


@dataclass(frozen=True, kw_only=True)
class Planted(Method):
    """A linear layer."""

    family = "2d"
    view: View = param(Image(), "the image")
    {fields}

    def build(self, task, shape):
        return Layer(nn.Flatten(), nn.Linear(math.prod(shape), task.outputs))

    {methods}


METHOD = Planted
'''
DARKER = "image[:, 6:10, 6:10] -= 0.8 * label"  # an effect that a linear layer learns


def dataset(
    sample: str = "pass",
    image: str = "pass",
    people: int = 60,
    shape: tuple[int, ...] = (1, 16, 16),
    phantom: bool = True,
    covariates: tuple[str, ...] = (),
    heads: bool = False,
) -> str:
    """The program of a data set.

    Parameters
    ----------
    sample : str
        Line that may change label, group, site, known (the covariates) and part of the scan `at`.
    image : str
        Line that may change the image of the scan `at`; `label` is its class.
    people : int
        Number of scans, one of each person.
    shape : tuple of int
        Channels and pixels.
    phantom : bool
        Whether it is declared to be made by a program.
    covariates : tuple of str
        Covariates that the floor `covariates` reads.
    heads : bool
        Whether a function head(who), (1, 64, 64), is there.

    Returns
    -------
    str
        Text of the file.
    """
    text = _DATASET.format(
        people=people, shape=shape, axes=len(shape) - 1, phantom=phantom, covariates=covariates,
        sample=sample.replace("\n", "\n        "), image=image.replace("\n", "\n        "),
    )  # fmt: skip
    return text.replace("\n\n@dataclass", f"{_HEAD}\n@dataclass", 1) if heads else text


def network(layer: str = "pass", fields: str = "", methods: str = "") -> str:
    """The program of a method.

    Parameters
    ----------
    layer : str
        Lines of the class of the network.
    fields : str
        Line with a further parameter.
    methods : str
        Further methods of the class.

    Returns
    -------
    str
        Text of the file.
    """
    return _NETWORK.format(layer=layer.replace("\n", "\n    "), fields=fields, methods=methods.replace("\n", "\n    "))


def study(arms: Mapping[str, Arm] | None = None, data: Data | None = None, **changes: object) -> Study:
    """A study of the planted data set `planted` by the planted method `net`, and the floor `constant`.

    Parameters
    ----------
    arms : mapping of str to Arm, optional
        Its arms; the first is the reference.
    data : Data, optional
        Its data set.
    **changes
        Other fields of the study.

    Returns
    -------
    Study
        Few steps, few folds.
    """
    arms = arms or {"net": Arm("net"), "constant": Arm("constant")}
    settings = {
        "question": "What does the harness answer?",
        "datasets": [data or Data("planted")],
        "reference": next(iter(arms)),
        "arms": arms,
        "floors": [name for name in arms if name in ("constant", "covariates")],
        "folds": 3,
        "partitions": 1,
        "recipe": Recipe(steps=60, batch_size=16, points=5),
    }
    return Study(**{**settings, **changes})
