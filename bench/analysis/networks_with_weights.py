"""The trained networks of a study whose weights were kept."""

from __future__ import annotations

from collections.abc import Sequence

from bench.core import BenchError
from bench.core.study_plan import PlannedCell, StudyPlan
from bench.storage.finished_trial import rerun_hint
from bench.storage.record_store import Store


def networks_with_weights(
    plan: StudyPlan, store: Store, arms: Sequence[str]
) -> tuple[list[PlannedCell], dict[str, int]]:
    """The cells of the named arms of a study, or of all, that have weights, each trial once; arm -> those without.

    BenchError if the study has no such arm, or no saved weights. Weights that a study saved only because other trials
    learn from them are not enough, unless their arm is named.
    """
    mine = [cell for cell in plan.cells if cell.role == "arm"]
    names = list(dict.fromkeys(cell.arm for cell in mine))
    if unknown := [arm for arm in arms if arm not in names]:
        raise BenchError(f"the study {plan.study} has no arm {unknown[0]!r}; its arms: {', '.join(names)}")
    chosen = {cell.key: cell for cell in mine if not arms or cell.arm in arms}
    cells = [cell for key, cell in chosen.items() if store.weights(key) is not None]
    taught = {key for cell in plan.cells for key in cell.upstream}
    if not cells or (not arms and len(cells) < len(chosen) and taught.issuperset(cell.key for cell in cells)):
        but = " but those that other trials learn from" if cells else ""
        raise BenchError(f"the study {plan.study} has no saved weights{but}; {rerun_hint(plan.study)}")
    lacking: dict[str, int] = {}
    for key, cell in chosen.items():
        if store.weights(key) is None:
            lacking[cell.arm] = lacking.get(cell.arm, 0) + 1
    return cells, lacking
