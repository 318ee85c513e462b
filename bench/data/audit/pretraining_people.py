"""Which people of a data set pretrained weights have seen, by a file with the names of those that they learnt from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.core import BenchError, DataSpec, paths
from bench.data.prepared import Prepared, column_of, open_prepared

SIGN = "@"  # between a data set and the file with its people, in an entry of `pretrained_on`
CountPeople = Callable[[frozenset[str]], "PeopleCount"]  # names of people -> how many of the tested people they are


@dataclass(frozen=True)
class PeopleCount:
    """How many of the people that a network is tested on its weights have seen.

    Attributes
    ----------
    people : int
        Tested people whose scans the weights have seen.
    of : int
        Tested people.
    unknown : str
        Why they cannot be counted; empty if they were.
    """

    people: int = 0
    of: int = 0
    unknown: str = ""


def divided(entry: str) -> tuple[str, str]:
    """Divide an entry of `pretrained_on` into the data set and the file with its people; the file may be empty."""
    name, _, file = entry.partition(SIGN)
    return name.strip(), file.strip()


def read_names(entry: str) -> frozenset[str]:
    """Read the names of the people that weights were trained on.

    Parameters
    ----------
    entry : str
        Data set and file, `oasis1@people.txt`. The file is UTF-8 text with a name on every line, as the prepared data
        set has it.

    Returns
    -------
    frozenset of str
        The names, without empty lines.

    Raises
    ------
    BenchError
        If the entry lacks the data set or the file, or if the file is missing, empty or no text.
    """
    name, file = divided(entry)
    if not name or not file:
        raise BenchError(f"pretrained_on: {entry!r} must name a data set and a file with its people: oasis1@people.txt")
    remedy = f"write one name of a person of {name} per line, or give {name} alone if all of them were seen"
    try:
        lines = paths.expand(file).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise BenchError(
            f"pretrained_on: the people of {entry} cannot be read from {file} ({why}); {remedy}"
        ) from error
    names = frozenset(filter(None, map(str.strip, lines)))
    if not names:
        raise BenchError(f"pretrained_on: {file} has no names of people; {remedy}")
    return names


def people_checksums(params: Mapping[str, Any]) -> dict[str, str]:
    """Compute the checksums of the names in the files of people, so that a later change of a file shows.

    Parameters
    ----------
    params : mapping
        Parameters of a method in plain values; those of a student or a teacher are nested in it.

    Returns
    -------
    dict of str to str
        Entry of `pretrained_on`, then checksum; empty if no entry names a file. A file that cannot be read here, as on
        the node of a cluster, has none.
    """
    checksums = {}
    for entry in params.get("pretrained_on") or ():
        if SIGN in entry:
            with suppress(BenchError):
                checksums[entry] = names_checksum(read_names(entry))
    for value in params.values():
        if isinstance(value, Mapping):
            checksums |= people_checksums(value)
    return checksums


def names_checksum(names: frozenset[str]) -> str:
    """Compute the checksum of names of people; their order does not count."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


def check_people_files(params: Mapping[str, Any]) -> None:
    """Check the files of people in the parameters of a method, and of students and teachers that are nested in them.

    Raises
    ------
    BenchError
        As for `read_names`.
    """
    for entry in params.get("pretrained_on") or ():
        if SIGN in entry:
            read_names(entry)
    for value in params.values():
        if isinstance(value, Mapping):
            check_people_files(value)


def people_counter(tested: DataSpec, split: str = "") -> CountPeople:
    """Return a function that counts how many of the tested people of a data set are among given names.

    Parameters
    ----------
    tested : DataSpec
        The data set that a method is tested on; with a fingerprint only the data of that fingerprint are read.
    split : str
        Kind of its split. With `publisher` only the people of the publisher's test part are tested; else all are.
    """
    return partial(_count, tested, split)


def _count(tested: DataSpec, split: str, names: frozenset[str]) -> PeopleCount:
    """A person counts as seen by their name, that of a scan, or scans that look like those of a person who was seen."""
    try:
        prepared = open_prepared(tested.name, tested.params)
    except BenchError:
        prepared = None
    if prepared is None or (tested.fingerprint or prepared.fingerprint) != prepared.fingerprint:
        return PeopleCount(unknown=f"{tested.name} is not prepared here")
    people = column_of("group", tested.name, tested.params)
    if not names & {*people, *prepared.ids} and not {_form(name) for name in names} & set(map(_form, people)):
        return PeopleCount(unknown=f"its names are written in another way than those of {tested.name}")
    return _among(prepared, people, names, split)


def _among(prepared: Prepared, people: list[str], names: frozenset[str], split: str) -> PeopleCount:
    alike = prepared.people or prepared.clusters
    rows = list(zip(people, prepared.ids, alike, prepared.parts, strict=True))
    seen = {cluster for person, scan, cluster, _ in rows if person in names or scan in names}
    judged = [row for row in rows if split != "publisher" or row[3] == "test"]
    return PeopleCount(len({row[0] for row in judged if row[2] in seen}), len({row[0] for row in judged}))


def _form(name: str) -> str:
    """The form of a name, in which numbers do not count: OAS1_0012 and OAS1_0400 have one form."""
    return re.sub(r"\d+", "0", name)
