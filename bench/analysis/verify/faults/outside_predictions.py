"""Predictions of other programs that are of the wrong people, or are no predictions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from bench.analysis.verify.planted_fault import CAUGHT, CONTROL, PlantedFault, refusal, sentence_with
from bench.analysis.verify.planted_programs import DARKER, dataset
from bench.analysis.verify.sandbox import Sandbox

if TYPE_CHECKING:
    import pandas as pd


def _checked(change: Callable[[pd.DataFrame], pd.DataFrame], words: str, place: Sandbox, faulty: bool) -> str:
    """The answer to a table of predictions, changed or not."""
    import numpy as np
    import pandas as pd

    from bench.experiments.outside.division import divide
    from bench.experiments.outside.folds_file import write_folds
    from bench.experiments.outside.prediction_checks import predictions_by_fold
    from bench.experiments.outside.predictions_file import read_predictions

    place.add("planted", dataset())
    place.prepare("planted")
    division = divide("planted", {}, 3, 1)
    write_folds(division, place.folder / "folds.csv")
    table = pd.read_csv(place.folder / "folds.csv").query("part == 'test'").reset_index(drop=True)
    sure = np.random.default_rng(0).random(len(table))
    table = table[["partition", "fold", "id"]].assign(probability_0=1 - sure, probability_1=sure)
    path = place.folder / "theirs.csv"
    (change(table) if faulty else table).to_csv(path, index=False)

    def read() -> None:
        for each in read_predictions(path, division.prepared.task, "theirs"):
            predictions_by_fold(division, each, "folds")

    return refusal(read, words)


def _training_people(table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([table, table[table["fold"] == 1].assign(fold=0)])


def _own_folds(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(fold=(table["fold"] + (table.index % 7 == 0)) % 3)


def _easy_people(table: pd.DataFrame) -> pd.DataFrame:
    return table[table.index % 5 > 0]


def _logits(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(probability_0=-4 * table["probability_1"], probability_1=4 * table["probability_1"])


def _exchanged_classes(place: Sandbox, faulty: bool) -> str:
    """Good predictions, with their two columns exchanged or not, through the whole report."""
    import numpy as np
    import pandas as pd

    from bench.experiments.outside.division import divide
    from bench.experiments.outside.folds_file import write_folds
    from bench.experiments.outside.outside_records import Declaration
    from bench.experiments.outside.score_predictions import ScoreRequest, score_predictions

    place.add("planted", dataset(image=DARKER))
    prepared = place.prepare("planted")
    write_folds(divide("planted", {}, 3, 1), place.folder / "folds.csv")
    table = pd.read_csv(place.folder / "folds.csv").query("part == 'test'").reset_index(drop=True)
    known = table["id"].map(dict(zip(prepared.ids, prepared.targets, strict=True))).to_numpy()
    sure = 0.3 * known + 0.7 * np.random.default_rng(0).random(len(table))
    columns = {"probability_0": sure, "probability_1": 1 - sure} if faulty else {"probability_0": 1 - sure,
                                                                                 "probability_1": sure}  # fmt: skip
    path = place.folder / "theirs.csv"
    table[["partition", "fold", "id"]].assign(**columns).to_csv(path, index=False)
    request = ScoreRequest(path, "planted", Declaration("theirs", "folds"), folds=3, partitions=1)
    page = score_predictions(request, place.results).parent / "report.md"
    return sentence_with(page.read_text("utf-8").splitlines(), "may be exchanged in its file")


FAULTS = (
    PlantedFault("predictions_of_training_people", "Another program predicts people that it was trained on.", CAUGHT,
                 partial(_checked, _training_people, "training or validation part")),
    PlantedFault("predictions_on_own_folds", "Another program was trained on folds of its own.", CAUGHT,
                 partial(_checked, _own_folds, "wrong folds")),
    PlantedFault("hard_people_left_out", "Another program does not predict the people that are hard for it.", CAUGHT,
                 partial(_checked, _easy_people, "lacks")),
    PlantedFault("logits_as_probabilities", "Another program gives logits in place of probabilities.", CAUGHT,
                 partial(_checked, _logits, "logits")),
    PlantedFault("classes_exchanged", "Another program has the two classes in the other order.", CONTROL,
                 _exchanged_classes, slow=True),
)  # fmt: skip
