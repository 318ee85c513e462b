"""Numbers of a whole scan that tell its target are found, and those of sound scans are not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench.core import Task
from bench.data.audit.shortcuts import shortcut_lines, shortcuts

CLASSES = Task("classification", "auc", ("healthy", "patient"))
AGE = Task("regression", "mae", unit="years")


def scans(task: Task = CLASSES, count: int = 80, change=lambda image, target: image):
    """Noise with a border of background, changed by the target."""
    rng = np.random.default_rng(3)
    targets = np.arange(count) % 2.0 if task.classes else rng.uniform(20, 80, count)
    images = np.zeros((count, 1, 12, 12), np.float32)
    images[:, :, 2:10, 2:10] = rng.normal(1.0, 0.2, (count, 1, 8, 8))
    images = np.stack([change(image, target) for image, target in zip(images, targets, strict=True)])
    names = [str(at) for at in range(count)]
    return SimpleNamespace(task=task, targets=targets, ids=names, shape=(1, 12, 12), images=lambda: images)


def brighter(image: np.ndarray, target: float) -> np.ndarray:
    return image * (1 + 0.3 * target)


def wider(image: np.ndarray, target: float) -> np.ndarray:
    image = image.copy()
    image[:, 2 : 2 + int(2 * target)] = 0
    return image


@pytest.mark.parametrize("task", [CLASSES, AGE], ids=lambda task: task.kind)
def test_sound_scans_have_no_such_number(task):
    assert shortcut_lines(scans(task)) == []


@pytest.mark.parametrize(("change", "words"), [(brighter, "mean"), (wider, "start of the head along axis 0")])
def test_a_number_that_differs_between_the_classes_is_named(change, words):
    (line,) = shortcut_lines(scans(change=change))
    assert f"{words} (AUC 1.00)" in line


def test_the_strength_is_the_area_of_scikit_learn_in_the_better_direction():
    made = scans(change=lambda image, target: image * (1 - 0.05 * target))
    (found,) = [each for each in shortcuts(made) if each.number == "mean"]
    area = roc_auc_score(made.targets, made.images().mean((1, 2, 3)))
    assert area < 0.5
    assert found.strength == pytest.approx(1 - area)


def test_a_number_that_follows_age_is_named_for_numbers():
    (line,) = shortcut_lines(scans(AGE, change=lambda image, age: image * (1 + age / 50)))
    assert "rank correlation" in line


def test_few_scans_and_masks_are_not_judged():
    assert shortcuts(scans(count=12, change=brighter)) == []
    made = scans(change=brighter)
    made.task = replace(CLASSES, kind="segmentation", primary="dice")
    assert shortcuts(made) == []
