"""Sites and categories of covariates that are one thing under two spellings: each would count as one of its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from bench.core import BenchError, Dataset, Sample
from bench.core.printable_text import printable

SEXES = {"male": "m", "female": "f"}
SEX = ("sex", "gender")


def check_spellings(name: str, dataset: Dataset, samples: Sequence[Sample]) -> None:
    """Check the sites, and the covariates that a method may read.

    Parameters
    ----------
    name : str
        Name of the data set, for the message.
    dataset : Dataset
        Its `floor_covariates` are checked.
    samples : sequence of Sample
        All samples.

    Raises
    ------
    BenchError
        If two values differ only in case, spaces or invisible signs (or, of a sex, in `F` and `female`), or if a
        covariate has numbers and words.
    """
    _check_column(name, "site", ((sample.id, sample.site) for sample in samples if sample.site))
    for column in dataset.floor_covariates:
        values = [(sample.id, sample.covariates.get(column)) for sample in samples]
        given = [(key, value) for key, value in values if value is not None]
        numbers = [each for each in given if isinstance(each[1], (int, float))]
        words = [each for each in given if not isinstance(each[1], (int, float))]
        if numbers and words:
            (one, number), (other, word) = numbers[0], words[0]
            raise BenchError(
                f"{name}: the covariate {column} has numbers and words: {number:g} of {one} and {_quoted(word)} of"
                f" {other}; write one kind of value, and n/a where it is not known"
            )
        _check_column(name, column, words)


def _check_column(name: str, column: str, values: Iterable[tuple[str, object]]) -> None:
    known: dict[str, tuple[str, str]] = {}  # value in its plain form -> a sample, the value as it is written
    synonyms: Mapping[str, str] = SEXES if column.casefold() in SEX else {}
    for key, value in values:
        plain = _plain(str(value))
        first, written = known.setdefault(synonyms.get(plain, plain), (key, str(value)))
        if written != str(value):
            raise BenchError(
                f"{name}: {column} is {_quoted(written)} of {first} and {_quoted(value)} of {key}, which would count as"
                " two; write it in one way in the whole table"
            )


def _plain(text: str) -> str:
    """The text in lower case, without invisible signs, every space alike."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in " ".join(normal.split()) if sign.isprintable())


def _quoted(value: object) -> str:
    return f"'{printable(str(value)[:40])}'"
