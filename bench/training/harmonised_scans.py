"""Scans without the differences between sites, for methods with `harmonise`; fitted on the training part alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.core import Task
from bench.data.combat import Combat
from bench.data.covariates import SITE, covariate_columns, covariate_table
from bench.data.prepare import Prepared
from bench.data.splits import Fold
from bench.method import Method

COMBAT = "combat"
KINDS = ("classification", "regression")  # of tasks whose scans may be harmonised
AT_ONCE = 2**28  # numbers that are harmonised at a time


@dataclass(frozen=True)
class Harmoniser:
    """ComBat, fitted to the training scans of a fold: it knows nothing of other scans, and no target."""

    combat: Combat
    kept: tuple[str, ...]  # covariates whose effect stays in the scans
    centre: np.ndarray  # (Q,) their means over the training part, for missing values

    @property
    def words(self) -> str:
        """What was done, for readers of the scores."""
        kept = f", and what {' and '.join(self.kept)} explain was kept" if self.kept else ""
        return f"ComBat, fitted on the training scans, removed differences between {len(self.combat.sites)} sites{kept}"

    @classmethod
    def fit(cls, prepared: Prepared, array: np.ndarray, fold: Fold) -> Harmoniser:
        """Fit it to the scans of `fold.train`. array: (N, *shape) after the view. ValueError if that is impossible."""
        columns = [column for column in covariate_columns(prepared) if column.name != SITE]
        table = covariate_table(prepared, columns)[fold.train] if columns else np.zeros((len(fold.train), 0))
        known = np.isfinite(table)
        centre = np.where(known, table, 0.0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
        combat = Combat.fit(_flat(array[fold.train]), _sites(prepared, fold.train), _filled(table, centre))
        return cls(combat, tuple(column.name for column in columns), centre)

    def apply(self, prepared: Prepared, scans: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Scans (n, *shape), those of `rows`, as float32. ValueError if one is of a site without a training scan."""
        columns = [column for column in covariate_columns(prepared) if column.name in self.kept]
        table = covariate_table(prepared, columns)[rows] if columns else np.zeros((len(rows), 0))
        moved = self.combat.apply(_flat(scans), _sites(prepared, rows), _filled(table, self.centre))
        return moved.reshape(scans.shape)


def wants_harmonising(method: Method) -> bool:
    """Whether a method has a parameter `harmonise` that is `combat`."""
    return getattr(method, "harmonise", "none") == COMBAT


def why_not_harmonised(method: Method, task: Task, external: bool, changed: bool) -> str | None:
    """Why ComBat, if a method asks for it, cannot be used; None if it can, or if none is asked for.

    external: whether the test scans are of another data set. changed: whether training scans are changed at random
    before a view that makes others of them: what is fitted after the view says nothing of scans before it.
    """
    if not wants_harmonising(method):
        return None
    if method.reads_covariates or method.blind:
        return "the method reads no scan; set harmonise to none"
    if task.kind not in KINDS:
        return f"it is made for {' and '.join(KINDS)}, and this task is {task.kind}; set harmonise to none"
    if external:
        return "the test scans are of another data set, whose sites it cannot know; set harmonise to none"
    if changed:
        return (
            "it is fitted to what the view makes of a scan, and augmentation comes before the view; set augment to"
            " none or mixup, or the view to volume"
        )
    return None


def harmoniser_of(method: Method, prepared: Prepared, array: np.ndarray, fold: Fold) -> Harmoniser | None:
    """The harmoniser that a method asks for by its parameter `harmonise`; None if it asks for none."""
    return Harmoniser.fit(prepared, array, fold) if wants_harmonising(method) else None


def harmonised_array(harmoniser: Harmoniser | None, prepared: Prepared, array: np.ndarray, fold: Fold) -> np.ndarray:
    """The scans of all parts of a fold, harmonised; those of no part are 0. The array itself without a harmoniser."""
    if harmoniser is None:
        return array
    rows = np.concatenate([fold.train, fold.val, fold.test])
    result = np.zeros(array.shape, dtype=np.float32)
    step = max(1, AT_ONCE // array[0].size)
    for some in (rows[start : start + step] for start in range(0, len(rows), step)):
        result[some] = harmoniser.apply(prepared, array[some], some)
    return result


def _flat(scans: np.ndarray) -> np.ndarray:
    return np.asarray(scans).reshape(len(scans), -1)


def _sites(prepared: Prepared, rows: np.ndarray) -> list[str]:
    return [prepared.sites[row] for row in rows]


def _filled(table: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Covariates less their means, which stand in for missing values."""
    return np.where(np.isfinite(table), table, centre) - centre
