"""Rules by which validation chooses one of the evaluation points of a training; a table compares them.

`python -m tests.selection.rules FILE` reads what `tests.selection.trainings` wrote. Scores are such that higher is
better. A rule gets scores and losses on the validation part, (points,) each, and returns a position.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

Rule = Callable[[np.ndarray, np.ndarray], int]


def last_best(values: np.ndarray) -> int:
    """Position of the highest value, of the latest one in case of ties."""
    return len(values) - 1 - int(np.argmax(values[::-1]))


def moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    """The centred moving mean; at the ends of those points that exist."""
    half = width // 2
    return np.round([values[max(0, at - half) : at + half + 1].mean() for at in range(len(values))], 12)


def best(scores: np.ndarray, losses: np.ndarray, begin: int = 0, width: int = 1) -> int:
    """The best by (smoothed) score from `begin` on; ties go to the lower (smoothed) loss, then to the later point."""
    merits = list(zip(moving_mean(scores, width), -moving_mean(losses, width), range(len(scores)), strict=True))
    return max(merits[begin:])[2]


def by_loss(scores: np.ndarray, losses: np.ndarray, width: int = 1) -> int:
    """The lowest (smoothed) loss."""
    return last_best(-moving_mean(losses, width))


def whole_window(scores: np.ndarray, losses: np.ndarray, width: int = 5, pick: str = "middle") -> int:
    """A point of the best `width` points in a row: the middle, the best or the last one."""
    means = np.round(np.convolve(scores, np.full(width, 1 / width), "valid"), 12)
    first = last_best(means)
    return first + {"middle": width // 2, "last": width - 1, "best": last_best(scores[first : first + width])}[pick]


FORMER = "last five by score (protocol 1)"
YEARS = "age (years)"
GROUPS = {
    "over-fits": ("dementia, over-fitted volumes",),
    "dementia": ("dementia, volumes", "dementia, images"),
    "phantoms": ("phantom of dementia, weak", "phantom of dementia", "phantom of order"),
    "made to gain": ("dementia, cyclic rates", "dementia, few scans until late"),
    YEARS: ("age, volumes", "phantom of ageing"),
}

RULES: Mapping[str, Rule] = {
    FORMER: lambda scores, losses: best(scores, losses, begin=len(scores) - 5),
    "last point": lambda scores, losses: len(scores) - 1,
    "all by score": best,
    "all by loss": by_loss,
    **{f"all by score, mean of {width}": partial(best, width=width) for width in (3, 5, 7)},
    **{f"all by loss, mean of {width}": partial(by_loss, width=width) for width in (3, 5)},
    "second half by score, mean of 3": partial(best, begin=10, width=3),
    "second half by score, mean of 5": partial(best, begin=10, width=5),
    **{
        f"best {width} in a row, the {pick} of them": partial(whole_window, width=width, pick=pick)
        for width in (3, 5)
        for pick in ("middle", "last", "best")
    },
}
REFITTED = (FORMER, "last point", "all by score", "all by score, mean of 3", "all by score, mean of 5")


def chosen(row: Mapping) -> pd.DataFrame:
    """The score on test and on validation under every rule, for one training: columns rule, test, val, at."""
    sign = 1 if row["higher"] else -1
    val, test, refit = (sign * np.array(row.get(name, [np.nan] * 20)) for name in ("val", "test", "refit"))
    places = {name: rule(val, np.array(row["val_loss"])) for name, rule in RULES.items()}
    found = [(name, test[at], val[at], at + 1) for name, at in places.items()]
    found += [(f"refit: {name}", refit[places[name]], np.nan, places[name] + 1) for name in REFITTED]
    found += [(name, sign * on_test, sign * on_val, np.nan) for name, (on_val, on_test) in row["averages"].items()]
    found += [("(best of all on test)", test.max(), np.nan, int(test.argmax()) + 1)]
    return pd.DataFrame(found, columns=["rule", "test", "val", "at"])


def compare(rows: list[dict]) -> pd.DataFrame:
    """The choice of every rule in every training, with its gain on test over the former rule and its optimism."""
    table = pd.concat([chosen(row).assign(arm=row["arm"], training=number) for number, row in enumerate(rows)])
    former = table[table["rule"] == FORMER].set_index("training")["test"]
    table["gain"] = table["test"] - former.loc[table["training"]].to_numpy()
    table["optimism"] = table["val"] - table["test"]
    return table


def markdown(table: pd.DataFrame) -> str:
    """A row for each rule; for each group of arms the mean gain +- its standard error over trainings."""
    areas = table[table["arm"].isin([arm for name, arms in GROUPS.items() if name != YEARS for arm in arms])]
    lines = [f"| rule | {' | '.join(GROUPS)} | all AUC | optimism | point |", "| --- |" + " --- |" * (len(GROUPS) + 3)]
    for rule in dict.fromkeys(table["rule"]):
        cells = [_gain(table[(table["rule"] == rule) & table["arm"].isin(arms)]) for arms in GROUPS.values()]
        one = areas[areas["rule"] == rule]
        cells += [_gain(one), f"{one['optimism'].mean():+.3f}", f"{one['at'].mean():.1f}"]
        lines.append(f"| {rule} | " + " | ".join(cells) + " |")
    counts = [str(table[table["arm"].isin(arms)]["training"].nunique()) for arms in GROUPS.values()]
    lines.append(f"| (trainings) | {' | '.join(counts)} | {areas['training'].nunique()} | | |")
    return "\n".join(lines).replace("+nan ± nan", "").replace("+nan", "").replace("nan", "")


def _gain(found: pd.DataFrame) -> str:
    return f"{found['gain'].mean():+.3f} ± {found['gain'].sem():.3f}"


if __name__ == "__main__":
    print(markdown(compare([json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()])))
