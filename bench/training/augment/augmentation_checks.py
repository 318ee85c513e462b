"""Whether an augmentation can do anything for a method on some scans: refused or noted by name, never silently lost."""

from __future__ import annotations

import math

import numpy as np
import torch

from bench.core import Task, task_kind
from bench.method import Method
from bench.method.augmentation_policies import MOST_SMOOTHED, Transform, transforms_of
from bench.training.augment.augmenter import change
from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import ScanRandom
from bench.views import View

TRIED = 200_000  # voxels of the random scan that shows what a view lets through
SIDES = "exchanging left and right changes the target of these scans"
NO_EFFECT = 1e-3  # of the view's deviation: a smaller change is none


def why_not_augmented(
    method: Method,
    task: Task,
    view: View,
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    sides_matter: bool = False,
) -> str | None:
    """Why the augmentation of a method cannot be carried out, or None if it can.

    shape: of a prepared scan. sides_matter: as `Dataset.sides_matter`.
    """
    if not transforms_of(method.augment):
        return None
    transforms = transforms_of(method.augment, sides_matter)
    if not transforms:
        return f"{SIDES}; set augment to none"
    if method.reads_covariates:
        return "it reads no scan that could be augmented; set augment to none"
    if task_kind(task.kind).part is not None:
        return f"augmentation changes single scans, and the samples of {task.kind} are none; set augment to none"
    if method.solves:
        return "its weights are computed without training steps, so no scan would be augmented; set augment to none"
    if any(each.kind == "mixup" for each in transforms) and (reason := _why_not_mixed(method, task)):
        return reason
    lost = transforms_without_effect(transforms, view, shape, spacing)
    if len(lost) < len(transforms):
        return None
    return f"augment={method.augment} does nothing: {_explained(lost, view)}; set augment to none"


def effect_note(
    method: Method, view: View, shape: tuple[int, ...], spacing: tuple[float, ...], sides_matter: bool = False
) -> str:
    """A note for readers if some transforms do nothing or are left out, or too many scans are smoothed; else empty."""
    transforms = transforms_of(method.augment, sides_matter)
    lost = transforms_without_effect(transforms, view, shape, spacing)
    notes = [_explained(lost, view)] if lost else []
    notes += [f"flip is left out: {SIDES}"] if len(transforms) < len(transforms_of(method.augment)) else []
    if (share := smoothed_share(transforms)) > MOST_SMOOTHED + 1e-9:
        notes.append(f"{share:.0%} of the training scans lose detail that tested scans have")
    return f"of augment={method.augment}, {', and '.join(notes)}" if notes else ""


def smoothed_share(transforms: tuple[Transform, ...]) -> float:
    """The share of the training scans that at least one transform smooths; each is drawn by itself."""
    return 1 - math.prod(1 - each.probability for each in transforms if each.smooths)


def transforms_without_effect(
    transforms: tuple[Transform, ...], view: View, shape: tuple[int, ...], spacing: tuple[float, ...]
) -> tuple[str, ...]:
    """Labels of transforms that change the scan but not its view, tried on a random scan: a flip before a mean, say."""
    while np.prod(shape[1:]) > TRIED:
        shape = (shape[0], *(max(2, size // 2) for size in shape[1:]))
    scan = torch.from_numpy(np.random.default_rng(0).uniform(1, 100, shape).astype(np.float32))
    plain = view(scan[None], spacing)
    lost, random = [], ScanRandom(0, 1)
    for each in transforms:
        if each.kind != "mixup":
            tried = ChangedScan(scan, None, spacing, random)
            change(tried, [(each, random.of_scan(each.label, 0, 0))])
            difference = (view(tried.x[None], spacing) - plain).abs().max()
            lost += [each.label] if float(difference) <= NO_EFFECT * float(plain.std()) else []
    return tuple(lost)


def _explained(labels: tuple[str, ...], view: View) -> str:
    verb = "leaves" if len(labels) == 1 else "leave"
    return f"{', '.join(labels)} {verb} the view {view.kind_name} as it is"


def _why_not_mixed(method: Method, task: Task) -> str | None:
    if task.kind == "segmentation":
        return f"two masks cannot be mixed; leave mixup out of augment={method.augment}"
    if type(method).upstream is not Method.upstream:
        return f"a teacher has no output for mixed scans; leave mixup out of augment={method.augment}"
    if task.kind == "classification" and not method.mixes_labels(task):
        return f"its loss needs one true class for each scan; leave mixup out of augment={method.augment}"
    return None
