"""Public tables with a score for each case: networks in 2D and in 3D on the same scans.

The tables belong to their authors and are not part of this code: a copy of the repository is named by its user.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from bench.analysis.verify.yardstick import Yardstick
from bench.core import BenchError
from bench.evaluation.case_differences import case_differences, mean_interval

SOURCE = (
    "El Jurdi, Varoquaux & Colliot, arXiv 2307.10926; rosanajurdi/SegVal_Repo,"
    " full_txt_log.txt beside the tables of nnU-Net on the hippocampus (110 people)"
)
FOLDER = "segmentation_results/{kind}_Unet/Task004_SegVal_Hippocampus"
NEEDED = "a copy of github.com/rosanajurdi/SegVal_Repo"
PUBLISHED = {  # file, network: mean, standard deviation, standard error
    ("Dice", "2D"): ("88.197", "3.267", "0.311"),
    ("Dice", "3D"): ("89.714", "2.797", "0.267"),
    ("hauss", "2D"): ("1.311", "0.806", "0.077"),
    ("hauss", "3D"): ("1.205", "0.472", "0.045"),
}
DIFFERENCES = {"Dice": "1.517", "hauss": "-0.106"}  # of the published means
NAMES = {"Dice": "Dice", "hauss": "distance of Hausdorff"}


@cache
def _cases(folder: Path, score: str, kind: str) -> pd.Series:
    """Scores by case, in the order of the names.

    Raises
    ------
    BenchError
        If the table is not there, or has other columns.
    """
    path = folder / FOLDER.format(kind=kind) / f"results-{score}-{kind}-L1.csv"
    try:
        return pd.read_csv(path).set_index("id")["metric"].sort_index()
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"{path} is not a table with the columns id and metric: {error}; give {NEEDED}") from error


def _number(amount: Callable[[np.ndarray], float], score: str, kind: str, folder: Path) -> float:
    return amount(_cases(folder, score, kind).to_numpy(dtype=float))


def _standard_error(values: np.ndarray) -> float:
    """From the interval that `bench score` prints: half of its width over the quantile of Student's t."""
    from scipy.stats import t

    _, low, high = mean_interval(values)
    return (high - low) / 2 / float(t.ppf(0.975, len(values) - 1))


def _difference(score: str, folder: Path) -> float:
    flat, solid = (_cases(folder, score, kind) for kind in ("2D", "3D"))
    if list(flat.index) != list(solid.index):
        raise BenchError(f"the tables of {NAMES[score]} in {folder} are not of the same cases")
    scores = {"2D": flat.to_numpy(dtype=float), "3D": solid.to_numpy(dtype=float)}
    return case_differences(scores, "2D")[0].mean


AMOUNTS = (
    ("mean", lambda values: mean_interval(values)[0]),
    ("standard deviation", lambda values: float(values.std(ddof=1))),
    ("standard error of the mean, from the printed interval", _standard_error),
)
YARDSTICKS = [
    Yardstick(f"segval_{score}_{kind}_{at + 1}".lower(), f"{NAMES[score]} of nnU-Net in {kind}: {name}", number, SOURCE,
              partial(_number, amount, score, kind), NEEDED)
    for (score, kind), numbers in PUBLISHED.items()
    for at, ((name, amount), number) in enumerate(zip(AMOUNTS, numbers, strict=True))
] + [
    Yardstick(f"segval_{score}_difference".lower(), f"{NAMES[score]}: mean difference of 3D from 2D", number,
              f"{SOURCE}: difference of the two means", partial(_difference, score), NEEDED, roundings=2)
    for score, number in DIFFERENCES.items()
]  # fmt: skip
