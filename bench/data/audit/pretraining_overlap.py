"""What pretrained weights may have seen of the people that they are tested on, by the register of overlaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from bench.core import BenchError, plural
from bench.data.audit.known_overlaps import ALIASES, OVERLAPS, PUBLISHED, overlap, published_sets
from bench.data.audit.pretraining_people import (
    SIGN,
    CountPeople,
    PeopleCount,
    divided,
    names_checksum,
    read_names,
)

WITHOUT_PEOPLE = ("none", "imagenet", "imagenet1k", "imagenet21k", "imagenet22k", "lvd142m", "lvd1689m", "sa1b")
OWN_PEOPLE = (  # recruited by the study itself; no data set of the harness is put together from it
    *("ukbiobank", "ukb", "abcd", "hcp", "humanconnectomeproject", "camcan", "radimagenet", "nlst", "lidcidri"),
)
KNOWN = {*PUBLISHED, *ALIASES, *(name for sets in PUBLISHED.values() for name in sets)} | {
    name for each in OVERLAPS for name in (each.first, each.second)
}


def pretraining_caution(
    params: Mapping[str, Any], data: str, count: CountPeople | None = None, trained: Mapping[str, str] | None = None
) -> str:
    """Say whether weights that a method begins with may have seen people of a data set.

    Parameters
    ----------
    params : mapping
        Parameters of a method in plain values; those of a student or a teacher are nested in it.
    data : str
        Name of the data set that the method is tested on.
    count : callable or None
        Counts the tested people whose names a file of `pretrained_on` has, see `pretraining_people.people_counter`.
        None: the whole data set counts as seen.
    trained : mapping of str to str or None
        Checksums of the files of people when a trial ran, see `pretraining_people.people_checksums`. A file that has
        changed since tells nothing, and the whole data set counts as seen.

    Returns
    -------
    str
        A clause that begins with the file; empty if there are no pretrained weights, or if all stated data sets are on
        record and none shares people with `data`. It has counts of people and never their names.
    """
    count = count or (lambda names: PeopleCount(unknown="the people are not known"))
    clauses = (_clause(file, sets, data, (count, trained or {})) for file, sets in _files(params))
    return "; ".join(dict.fromkeys(filter(None, clauses)))


def _files(params: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(name of the file, stated data sets) of all weights, those of students and teachers too."""
    if file := params.get("weights"):
        yield PurePath(str(file)).name, tuple(params.get("pretrained_on") or ())
    for value in params.values():
        if isinstance(value, Mapping):
            yield from _files(value)


def _clause(file: str, sets: tuple[str, ...], data: str, people: tuple[CountPeople, Mapping[str, str]]) -> str:
    if not sets:
        return (
            f"the data sets that {file} was trained on are not stated (pretrained_on), so its weights may have seen "
            "the people that it is tested on"
        )
    parts = [each for each in sets if SIGN in each and _same_names(_known(divided(each)[0]), data)]
    seen = _seen(parts, *people) if parts else PeopleCount()
    doubt = f" ({seen.unknown})" if seen.unknown else ""
    whole = [divided(each)[0] for each in sets if seen.unknown or each not in parts]
    if clause := next(filter(None, (_shared(file, name, data) for name in whole)), ""):
        return f"{clause}{doubt}"
    if seen.people:
        names = " and ".join(dict.fromkeys(divided(each)[0] for each in parts))
        return (
            f"{file} was trained on a part of the people of {names}: its weights have seen {seen.people} of the"
            f" {plural(seen.of, 'person', 'people')} of {data} that it is tested on"
        )
    unknown = next((name for name in whole if not _on_record(name)), "")
    if unknown:
        return (
            f"{file} was trained on {unknown}, of which no people are on record: "
            f"its weights may have seen the people of {data}"
        )
    return ""


def _same_names(name: str, data: str) -> bool:
    """Whether people have one name in both: they are one data set, or consist of the same published one."""
    return name == data or (len(published_sets(data)) == 1 and published_sets(name) == published_sets(data))


def _seen(entries: Sequence[str], count: CountPeople, trained: Mapping[str, str]) -> PeopleCount:
    """How many tested people are in any of the files; unknown if one of them does not tell."""
    names: set[str] = set()
    for entry in entries:
        file = PurePath(divided(entry)[1]).name
        try:
            own = read_names(entry)
        except BenchError:
            return PeopleCount(unknown=f"{file} with the people that it was trained on cannot be read")
        if trained.get(entry, names_checksum(own)) != names_checksum(own):
            return PeopleCount(unknown=f"{file} has changed since the networks were trained")
        if reason := count(own).unknown:
            return PeopleCount(unknown=f"{file} does not tell which people: {reason}")
        names |= own
    return count(frozenset(names))


def _shared(file: str, name: str, data: str) -> str:
    """That a whole data set shares people with the one that is tested on, as far as is known."""
    if reason := overlap(_known(name), data):
        return f"{file} was trained on {name}, so its weights may have seen the people that it is tested on: {reason}"
    if other := _alike(name, data):
        return f"{file} was trained on {name}, which may be {other}: its weights may have seen the people of {data}"
    return ""


def _known(name: str) -> str:
    """The name that the register has for a data set: spelling of letters, hyphens and spaces does not count."""
    return next((known for known in KNOWN if _letters(known) == _letters(name)), name)


def _alike(name: str, data: str) -> str:
    """A published set of the data of which one name begins as the other: OASIS may be OASIS-1, ADNI-2 may be ADNI."""
    letters = _letters(name)
    if letters in WITHOUT_PEOPLE or not letters:
        return ""
    if _on_record(name):
        return next((each for each in published_sets(data) if _letters(each).startswith(letters)), "")
    pairs = ((each, _letters(each)) for each in published_sets(data))
    return next((each for each, own in pairs if own.startswith(letters) or letters.startswith(own)), "")


def _on_record(name: str) -> bool:
    return _letters(name) in {*WITHOUT_PEOPLE, *OWN_PEOPLE, *(_letters(known) for known in KNOWN)}


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
