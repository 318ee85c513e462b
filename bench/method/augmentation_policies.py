"""The names of augmentations: single transforms, named policies, and combinations of both.

This file knows what may be drawn, how often and how strongly; `bench.training.augment` carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.core import BenchError
from bench.core.parameters import did_you_mean

NONE = "none"
MOST_SMOOTHED = 0.5  # largest share of the scans that single transforms in one combination may smooth together


@dataclass(frozen=True)
class Transform:
    """One random change of a training scan.

    Attributes
    ----------
    kind : str
        Kind of change; a file of `bench.training.augment` has the same name.
    label : str
        Name in messages and in the record; a policy may use one kind twice.
    probability : float
        Share of the scans that are changed, each scan on its own.
    strength : mapping of str to (float, float)
        Name of a quantity -> lowest and highest value of what is drawn.
    meaning : str
        What it does, in a few words.
    moves : bool
        Whether voxels change their place; masks then move with their scans.
    smooths : bool
        Whether fine detail is lost, by interpolation or by a filter.
    """

    kind: str
    label: str
    probability: float
    strength: Mapping[str, tuple[float, float]]
    meaning: str
    moves: bool = False
    smooths: bool = False

    @property
    def summary(self) -> str:
        """The label with probability and ranges: `affine p=0.5 (rotation -10 to 10)`."""
        ranges = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in self.strength.items())
        return f"{self.label} p={self.probability:.3g}" + (f" ({ranges})" if ranges else "")


def _single(kind: str, meaning: str, moves: bool = False, smooths: bool = False, **strength: Any) -> Transform:
    return Transform(kind, kind, 0.5, strength, meaning, moves, smooths)


TRANSFORMS: Mapping[str, Transform] = {
    each.kind: each
    for each in (
        _single("flip", "left and right of the scan are exchanged; exact, nothing is interpolated", moves=True),
        _single("shift", "moved by whole voxels; share of the size along each axis; border repeated, nothing is "
                "interpolated", moves=True, size=(-0.06, 0.06)),
        _single("affine", "rotated (degrees, about each axis), moved (share of the size) and scaled; border repeated",
                moves=True, smooths=True, rotation=(-10, 10), shift=(-0.05, 0.05), scale=(0.9, 1.1)),
        _single("crop", "a box of this share of the sides, at a random place, enlarged to the whole grid",
                moves=True, smooths=True, side=(0.8, 1.0)),
        _single("elastic", "smooth deformation by cubic B-splines; largest displacement as a share of the size, "
                "too small to fold", moves=True, smooths=True, displacement=(0.0, 0.04)),
        _single("bias_field", "multiplied by the exponential of a smooth polynomial of degree 3, as a receiver coil "
                "does; range of its coefficients", coefficient=(-0.15, 0.15)),
        _single("noise", "white Gaussian noise; its deviation as a share of the scan's own", deviation=(0.0, 0.3)),
        _single("blur", "Gaussian blur; its deviation in voxels", smooths=True, sigma=(0.5, 1.0)),
        _single("contrast", "values stretched about the scan's mean by a factor, within the scan's own range",
                factor=(0.75, 1.25)),
        _single("low_resolution", "reduced to this share of the voxels along each axis and enlarged again",
                smooths=True, side=(0.5, 1.0)),
        _single("gamma", "values within the scan's own range raised to this power; mean and deviation are kept",
                power=(0.7, 1.5)),
        _single("mixup", "mixed with another training scan after the view, and so are their labels; alpha of the "
                "Beta distribution of the share", alpha=(0.2, 0.2)),
    )
}  # fmt: skip


def _in_policy(kind: str, probability: float, label: str = "", **strength: tuple[float, float]) -> Transform:
    own = TRANSFORMS[kind]
    return replace(own, label=label or kind, probability=probability, strength=strength or own.strength)


POLICIES: Mapping[str, tuple[Transform, ...]] = {
    NONE: (),
    "light": (
        _in_policy("flip", 0.5),
        _in_policy("affine", 0.3),
        _in_policy("noise", 0.15, deviation=(0.0, 0.15)),
        _in_policy("contrast", 0.15),
        _in_policy("gamma", 0.15),
    ),
    "nnunet": (
        _in_policy("flip", 0.5),
        _in_policy("affine", 0.2, "rotation", rotation=(-30, 30)),
        _in_policy("affine", 0.2, "scaling", scale=(0.7, 1.4)),
        _in_policy("noise", 0.1, deviation=(0.0, 0.316)),
        _in_policy("blur", 0.1),
        _in_policy("contrast", 0.28),
        _in_policy("low_resolution", 0.125),
        _in_policy("gamma", 0.1, "inverted_gamma", power=(0.7, 1.5), inverted=(1, 1)),
        _in_policy("gamma", 0.3),
    ),
    "strong": (
        _in_policy("flip", 0.5),
        _in_policy("affine", 0.25, rotation=(-15, 15), shift=(-0.08, 0.08), scale=(0.85, 1.18)),
        _in_policy("crop", 0.1),
        _in_policy("elastic", 0.15),
        _in_policy("bias_field", 0.3),
        _in_policy("noise", 0.3),
        _in_policy("blur", 0.1),
        _in_policy("contrast", 0.3, factor=(0.65, 1.5)),
        _in_policy("gamma", 0.3),
    ),
}
ABOUT_POLICIES: Mapping[str, str] = {
    NONE: "Scans are trained on as they are tested.",
    "light": "Small changes that hardly any task minds.",
    "nnunet": "The probabilities and ranges of nnU-Net 2 for one channel, with two departures: only left and right are "
    "mirrored, because an upside-down brain is never tested; its factor of brightness, which acts on standardised "
    "scans, is a contrast here and shares that probability.",
    "strong": "Every kind but shift, low_resolution and mixup, in wider ranges. Fewer than half of the scans lose "
    "detail.",
}
NAMES = ", ".join((*POLICIES, *TRANSFORMS)) + ", or several joined by +"


class Augmentation(str):
    """A valid value of `Method.augment`: names joined by `+`, policies first, each transform once."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: Any) -> Augmentation:
        """Return the canonical text of an augmentation.

        Parameters
        ----------
        value : str, sequence of str, or None
            `none`, a policy, a transform, several of them joined by `+`, or a list of names.

        Returns
        -------
        Augmentation
            The same text for the same augmentation, whatever the order of the names.

        Raises
        ------
        BenchError
            If a name does not exist, or a transform occurs twice.
        """
        return cls("+".join(_checked(_names(value))))


def transforms_of(augment: str, sides_matter: bool = False) -> tuple[Transform, ...]:
    """Return the transforms of an augmentation with their probabilities.

    Single transforms that smooth (see `Transform.smooths`) share one limit: together they change at most half of the
    scans, so that most training scans are as sharp as the tested ones. Policies have their own probabilities.

    Parameters
    ----------
    augment : str
        A value of `Method.augment`.
    sides_matter : bool
        Whether exchanging left and right changes the target; flips are then left out.

    Returns
    -------
    tuple of Transform
        In the order in which they are applied.

    Raises
    ------
    BenchError
        If a name does not exist, or a transform occurs twice.
    """
    names = _checked(_names(augment))
    singles = [TRANSFORMS[name] for name in names if name in TRANSFORMS]
    smoothing = sum(each.smooths for each in singles)
    limit = 1 - (1 - MOST_SMOOTHED) ** (1 / max(1, smoothing))
    singles = [replace(each, probability=min(each.probability, limit)) if each.smooths else each for each in singles]
    chosen = [each for name in names if name in POLICIES for each in POLICIES[name]] + singles
    order = list(TRANSFORMS)
    chosen = [each for each in chosen if not (sides_matter and each.kind == "flip")]
    return tuple(sorted(chosen, key=lambda each: order.index(each.kind)))


def describe_augmentation(augment: str, sides_matter: bool = False) -> str:
    """Return an augmentation in words, for records and reports: each transform with probability and ranges; `none`."""
    return "; ".join(each.summary for each in transforms_of(augment, sides_matter)) or NONE


def _names(value: Any) -> list[str]:
    parts: Iterable[Any] = value.split("+") if isinstance(value, str) else [value] if value is None else value
    return [NONE if part is None else str(part).strip() for part in parts] or [NONE]


def _checked(names: list[str]) -> list[str]:
    """The names in canonical order. BenchError if one does not exist, or a transform occurs twice."""
    known = [*POLICIES, *TRANSFORMS]
    for name in names:
        if name not in known:
            raise BenchError(f"no augmentation {name!r}; {did_you_mean(name, known)}")
    if NONE in names and len(names) > 1:
        raise BenchError(f"augmentation {'+'.join(names)}: none cannot be combined with others; leave it out")
    labels = [each.label for name in names for each in POLICIES.get(name) or (TRANSFORMS.get(name),) if each]
    if twice := next((label for label in labels if labels.count(label) > 1), ""):
        raise BenchError(f"augmentation {'+'.join(names)}: {twice} occurs twice; name it once, or leave out its policy")
    return sorted(names, key=known.index)
