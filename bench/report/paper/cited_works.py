"""Works that a paper cites: those of `templates/works.bib`, and those that data sets and methods name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files

_ENTRY = re.compile(r"^@(\w+)\{([\w-]+),\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
_ARXIV = re.compile(r"\barXiv[: ](\d{4}\.\d{4,5})")
_DOI = re.compile(r"\bdoi:(10\.\d{4,9}/\S+)")
_URL = re.compile(r"https?://[^\s);,]+")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b(?![.\d])|\b(?:19|20)\d\d\b(?=\.(?:\s|$))")
_IN_BRACKETS = re.compile(r"\(([A-Z](?:[^()]|\([^()]*\))*)\)")
_SOURCE = re.compile(r"\b(?:Source|Sources|Idea): (.*)", re.DOTALL)
_OWN = ("mentioned", "package")  # fields of works.bib that say when a work is cited; BibTeX gets none of them
_TEX = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "{": "(", "}": ")", "\\": "/"}
_VERBATIM = ("doi", "url", "eprint")


@dataclass(frozen=True)
class Work:
    """An entry of a bibliography.

    Attributes
    ----------
    key : str
        Its key in BibTeX.
    kind : str
        Its kind in BibTeX: article, inproceedings or misc.
    fields : mapping of str to str
        Its fields in their order, as BibTeX reads them.
    phrases : tuple of str
        Words of a sentence that call for this work.
    package : str
        Name of the software that it describes; empty for others.
    """

    key: str
    kind: str
    fields: Mapping[str, str]
    phrases: tuple[str, ...] = ()
    package: str = ""

    def bibtex(self, tidy: Callable[[str], str] = str) -> str:
        """The entry as BibTeX. tidy: removes what no file may show from a value."""
        lines = "".join(f"  {name} = {{{tidy(value)}}},\n" for name, value in self.fields.items())
        return f"@{self.kind}{{{self.key},\n{lines}}}\n"

    def with_note(self, note: str) -> Work:
        """The work with a note, for example the version of a package."""
        return replace(self, fields={**self.fields, "note": _escaped(note)})


def known_works() -> dict[str, Work]:
    """Key -> work of `templates/works.bib`."""
    text = (files("bench") / "templates" / "works.bib").read_text("utf-8")
    works = {}
    for kind, key, body in _ENTRY.findall(text):
        fields = dict(_FIELD.findall(body))
        phrases = tuple(fields["mentioned"].split("|")) if "mentioned" in fields else ()
        rest = {name: value for name, value in fields.items() if name not in _OWN}
        works[key] = Work(key, kind, rest, phrases, fields.get("package", ""))
    return works


def cited_texts(about: Iterable[str]) -> list[str]:
    """The works that the paragraphs of a description name, each as its own words: after `Source:`, and in brackets."""
    found = []
    for paragraph in about:
        source = _SOURCE.search(paragraph)
        before = paragraph[: source.start()] if source else paragraph
        found += [words for words in _IN_BRACKETS.findall(before) if _identified(words)]
        found += [words for part in re.split(r";\s", source[1]) if (words := _ended(part))] if source else []
    return list(dict.fromkeys(found))


def _identified(words: str) -> bool:
    return bool(_ARXIV.search(words) or _DOI.search(words) or _YEAR.search(words))


def _ended(part: str) -> str:
    """A part of a source up to its last year or identifier; empty if it has none."""
    matches = [match for pattern in (_ARXIV, _DOI, _URL, _YEAR) for match in pattern.finditer(part)]
    if not matches:
        return ""
    end = max(match.end() for match in matches)
    words = part[:end].strip().rstrip(".,")
    after = re.match(r" \([A-Za-z0-9 -]+\)", part[end:])
    words += after[0] if after else ""
    return words + ")" * (words.count("(") - words.count(")"))


def free_work(words: str, name: str, taken: Iterable[str]) -> Work:
    """A work of which only a free text is known.

    Parameters
    ----------
    words : str
        The text, which becomes the note of the entry.
    name : str
        Name of the data set or method that cites it, for a text without any name.
    taken : iterable of str
        Keys that other works have.

    Returns
    -------
    Work
        Of kind misc; with DOI, number in arXiv, address and year if the text has one of each.
    """
    dois = [doi.rstrip(".,)") if doi.count("(") < doi.count(")") else doi.rstrip(".,") for doi in _DOI.findall(words)]
    numbers, urls = _ARXIV.findall(words), [url.rstrip(".") for url in _URL.findall(words)]
    years = _YEAR.findall(_DOI.sub("", _ARXIV.sub("", _URL.sub("", words))))
    fields = {"note": words}
    if len(dois) == 1:
        fields["doi"] = dois[0]
    if len(numbers) == 1:
        fields |= {"eprint": numbers[0], "archiveprefix": "arXiv"}
    if len(urls) == 1:
        fields["url"] = urls[0]
    if len(set(years)) == 1:
        fields["year"] = years[0]
    key = _free_key(words, name, fields.get("year", ""), set(taken))
    return Work(key, "misc", {name: value if name in _VERBATIM else _escaped(value) for name, value in fields.items()})


def _free_key(words: str, name: str, year: str, taken: set[str]) -> str:
    """`peng2021`: the first name of the text and the year; with a letter if another work has that key."""
    first = re.search(r"[A-Z][\w'-]{2,}", _URL.sub("", _ARXIV.sub("", words)))
    start = first[0] if first else name
    plain = unicodedata.normalize("NFKD", start).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9]", "", plain) + year
    return next(
        each for each in (key, *(f"{key}{letter}" for letter in "bcdefghijklmnopqrstuvwxyz")) if each not in taken
    )


def _escaped(text: str) -> str:
    return "".join(_TEX.get(sign, sign) for sign in text)
