"""The names of augmentations: what may be written, what it means, and how it is described."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from command_line import run_command

from bench import registry
from bench.core import BenchError, Spec, digest, param
from bench.core.parameters import construct
from bench.method import Method
from bench.method.augmentation_policies import POLICIES, TRANSFORMS, Augmentation, describe_augmentation, transforms_of
from bench.training.augment.augmenter import APPLY


@pytest.mark.parametrize("value", ["noise+flip", "flip+noise", ["noise", "flip"], ("flip", "noise"), " flip + noise "])
def test_combinations_in_any_order_are_one_value(value):
    assert Augmentation.parse(value) == "flip+noise"
    assert registry.spec("methods", "sfcn", {"augment": value}).params["augment"] == "flip+noise"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("afine", "no augmentation 'afine'; did you mean 'affine'?"),
        ("strng", "no augmentation 'strng'; did you mean 'strong'?"),
        ("light+gama", "no augmentation 'gama'; did you mean 'gamma'?"),
        ("flip+flip", "flip occurs twice"),
        ("light+flip", "flip occurs twice"),
        ("none+flip", "none cannot be combined"),
    ],
)
def test_a_wrong_value_is_reported_with_the_nearest_name(value, message):
    with pytest.raises(BenchError, match=message.replace("?", r"\?")):
        registry.make("methods", "sfcn", {"augment": value})


def test_the_key_of_a_method_without_augmentation_is_that_of_the_plain_text():
    params = registry.spec("methods", "sfcn").params
    assert digest(params) == digest({**params, "augment": "none"})
    assert json.loads(json.dumps(params))["augment"] == "none"


def test_every_transform_is_carried_out_and_every_policy_described(capsys, monkeypatch):
    assert set(TRANSFORMS) == {*APPLY, "mixup"}
    for name in [*POLICIES, *TRANSFORMS, "augment"]:
        status, text = run_command(capsys, monkeypatch, "describe", name)
        assert (status, name in text) == (0, True)
    _, text = run_command(capsys, monkeypatch, "describe", "nnunet", "--json")
    assert [each["label"] for each in json.loads(text)["transforms"]] == [
        each.label for each in transforms_of("nnunet")
    ]


@pytest.mark.parametrize("augment", ["light", "nnunet", "strong", "affine", "affine+elastic+crop+blur+low_resolution"])
def test_at_most_half_of_the_scans_lose_detail(augment):
    sharp = np.prod([1 - each.probability for each in transforms_of(augment) if each.smooths])
    assert 0.5 <= sharp + 1e-9 < 1
    assert all(each.probability <= 0.5 for each in transforms_of(augment))


def test_a_description_names_probability_and_ranges():
    assert describe_augmentation("none") == "none"
    assert describe_augmentation("flip+affine").startswith("flip p=0.5; affine p=0.5 (rotation -10 to 10, ")


@dataclass(frozen=True, kw_only=True)
class Older(Method):
    """A method of a plug-in that names its own choices, as all did before there were policies."""

    family: ClassVar[str] = "3d"
    augment: str = param("flip", "random augmentation", ("none", "flip", "affine"))

    def build(self, task, shape):
        raise NotImplementedError


def test_methods_that_name_their_own_choices_keep_them():
    assert [each.kind for each in transforms_of(Older().augment)] == ["flip"]
    assert construct(Older, {"augment": "affine"}, "method older").augment == "affine"
    with pytest.raises(BenchError, match="augment has no 'light'"):
        construct(Older, {"augment": "light"}, "method older")
    assert Spec("older", 1, {"augment": Older().augment}).params == {"augment": "flip"}
