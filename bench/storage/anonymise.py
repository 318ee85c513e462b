"""Removes what no report may show: folders, names of people and scans, dates of birth, header texts.

`clean` removes them from a text that comes from outside. `ProtectedNames` has the names in the index of the data, and
`checked` refuses a file that still shows one. Reports name people by `alias`, whose salt is stored with the data.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from bench.core import BenchError, paths
from bench.storage.alias_salt import read_salt

LONG = 6  # digits of a number that may be a name
_PATH = re.compile(r"""(?<![\w.:/])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\:'"<>|,;()]+[/\\])+([^\s/\\:'"<>|,;()]*)""")
_SUBJECT = re.compile(r"\b(?:sub|ses)-\w+")
_SCAN = re.compile(r"(?<![\w.-])[\w.-]+\.(?:nii|img|hdr|mgz|mgh|dcm)(?:\.gz)?\b")
_WORD = re.compile(r"\w+")
_YEAR, _MONTH, _DAY = r"(?:18|19|20)\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_NAMED = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = re.compile(
    rf"(?<![\d.])(?:{_YEAR}([-/.]){_MONTH}\1{_DAY}|{_DAY}([-/.]){_MONTH}\2{_YEAR}|{_MONTH}([-/.]){_DAY}\3{_YEAR})(?!\d)"
    rf"|\b{_DAY}[ -]{_NAMED}[ -]{_YEAR}\b|\b{_NAMED} {_DAY},? {_YEAR}\b",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(?<![\w.-])(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\w|\.\d)")
_CELL = re.compile(r"(?m)(?:(?<=,)|^)[+-]?[\d.]+(?:e[+-]?\d+)?(?=,|$)")  # a bare number in a table of commas
_TEX = {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "|": r"\textbar{}", "[": "{[}", "]": "{]}", "<": "$<$"}
_ASSET = re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL)
_SENTENCES = re.compile(  # of the reports themselves, where they name a statistician or a typeface
    r"\b(?:Holm p|Holm over the|(?:after|before|outlast) Holm|Holm's correction|Holm(?=: over| over all)|same t, Holm"
    r"|interval of Wilson|variance of DeLong|DeLong(?=: the areas)"
    r"|Nadeau and\s+Bengio|Nadeau-Bengio|Benjamini and\s+Hochberg|Welch and\s+Satterthwaite|Bland and\s+Altman"
    r"|DerSimonian and\s+Laird|Hartung and\s+Knapp|McNemar p|test of McNemar|Brier score|Grey: 95 %|Grey: both are"
    r"|Source Han Sans|WenQuanYi Micro Hei|Hiragino Sans|Yu Gothic|Malgun Gothic|Arial Unicode)"
    r"|\((?:Youden|Nemenyi)(?=[,)])|; Friedman(?= p )|(?:^|(?<=[,|>&])\s*)DeLong(?=\s*(?:[,|<&]|$))"
)
_BINARY = re.compile(r"data:[\w/+.;=-]+;base64,[\w+/=]*")


def clean(text: str, ids: Collection[str] = (), digits: int = 4, ours: bool = False) -> str:
    """A text from outside without folders, dates and names of people: paths keep their last part only.

    ids: of scans and people, and texts of their headers; bare numbers cannot be recognised and stay.
    digits: of the shortest number that is taken for a name. ours: the text is a table of a report, whose own sentences
    may name statisticians.
    """
    text = _PATH.sub(lambda match: f"…/{match[1]}" if match[1] else "…", str(text))
    spans = list(_named(text, ids if isinstance(ids, frozenset) else frozenset(ids), digits, ours))
    for start, end in reversed(spans):
        text = f"{text[:start]}(a scan){text[end:]}"
    text = _SUBJECT.sub("(a scan)", _SCAN.sub("(a scan)", text))
    return _COMPACT.sub("(a date)", _DATE.sub("(a date)", text))


def _is_recognisable(word: str, digits: int) -> bool:
    """True if a word is long enough to be a name. digits: a word of fewer digits is a mere number."""
    return len(word) >= (digits if word.isdigit() else 3)


def _named(text: str, names: frozenset[str], digits: int, ours: bool) -> Iterator[tuple[int, int]]:
    """(start, end) of every name in a text that is no part of a longer word; those that are small numbers left out.

    ours: leave out those in sentences of the reports themselves.
    """
    known, last = _by_word(names), 0
    spared = [match.span() for match in _SENTENCES.finditer(text)] if known and ours else []
    for word in _WORD.finditer(text) if known else ():
        for before, name in known.get(word[0], ()):
            start = word.start() - before
            end = start + len(name)
            whole = text.startswith(name, start) and not (
                text[end : end + 1].isalnum() or text[start - 1 : start].isalnum()
            )
            inside = whole and any(first <= start and end <= final for first, final in spared)
            if start >= last and whole and not inside and _is_recognisable(name, digits):
                yield start, end
                last = end
                break


@lru_cache(maxsize=32)
def _by_word(names: frozenset[str]) -> Mapping[str, list[tuple[int, str]]]:
    """A word of each name, the one that fewest others have -> where in the name it begins, the name; longest first."""
    words = {name: list(_WORD.finditer(name)) for name in sorted(names, key=lambda name: (-len(name), name))}
    shared = Counter(each[0] for parts in words.values() for each in parts)
    index: dict[str, list[tuple[int, str]]] = {}
    for name, parts in words.items():
        if parts:
            rarest = min(parts, key=lambda each: (shared[each[0]], -len(each[0])))
            index.setdefault(rarest[0], []).append((rarest.start(), name))
    return index


@dataclass(frozen=True)
class ProtectedNames:
    """Names of scans and people, and texts of headers, that stand in the index of the data of a study.

    All are hidden but the listed words of `templates/report_words.txt` and `words`. A surname is none of those: a text
    from outside never shows it, and a report shows it in listed sentences of its own only ("the interval of Wilson").
    """

    names: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()  # that a report needs: classes, data sets; they are no names

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(self.names - self.words - _report_words()))

    def clean(self, text: str) -> str:
        """A text from outside, without the protected names."""
        return clean(text, self.names)

    def tidy(self, word: str) -> str:
        """A cell of a table, without the protected names; short numbers are kept."""
        return clean(word, self.names, LONG, ours=True)

    def faults(self, name: str, text: str) -> list[str]:
        """What a file of this name and text would reveal, described without revealing it."""
        text = readable(name, text)
        faults = [f"a folder (…/{each[1]})" for each in _PATH.finditer(text)]
        faults += ["a name of a person or a scan"] * bool(_SUBJECT.search(text) or _SCAN.search(text))
        loose = _CELL.sub("", text) if name.endswith(".csv") else text
        faults += ["a full date"] * bool(_DATE.search(text) or _COMPACT.search(loose))
        known = {text[start:end] for start, end in _named(text, self.names, LONG, ours=True)}
        return faults + ([f"{len(known)} names or texts that stand in the index of the data"] if known else [])

    def checked(self, name: str, text: str) -> str:
        """The text of a file that may be written. BenchError if it would show people or this machine."""
        faults = self.faults(name, text) + self.faults("", Path(name).name)
        if faults:
            raise BenchError(
                f"{name} is not written: it would show {'; '.join(dict.fromkeys(faults))}. Remove that from the labels,"
                " notes and parameters of the study"
            )
        return text


def readable(name: str, text: str) -> str:
    """The text that a reader of a file sees: escapes of its format undone, embedded binary data removed."""
    text, kind = _BINARY.sub("", text), Path(name).suffix
    if kind == ".html":
        text = _ASSET.sub("", text)
    if kind in (".html", ".svg"):
        return html.unescape(text)
    if kind == ".md":
        return re.sub(r"\\([\\|*_`<[])", r"\1", text)
    if kind == ".json":
        return text.replace("\\\\", "\\")
    if kind not in (".tex", ".bib"):
        return text
    for sign, written in _TEX.items():
        text = text.replace(written, sign)
    text = re.sub(r"\\([&%$#_{}])", r"\1", text.replace(r"\textbackslash{}", "\0"))
    return re.sub(r"\\[a-zA-Z]+\*?|\\\\", " ", text).replace("\0", "\\")


@cache
def _report_words() -> frozenset[str]:
    """The listed words that reports consist of: a scan that is called `table` looks like the word."""
    lines = files("bench").joinpath("templates", "report_words.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def alias(data: str, name: str) -> str:
    """What a report calls a scan or a person: 16 hexadecimal digits of a keyed hash.

    Without the salt, which is stored with the prepared data alone, the name cannot be found by trying names.
    RunAbortedError if the salt cannot be read, see `alias_salt`.
    """
    return hmac.new(read_salt(paths.data_root()), f"{data}\0{name}".encode(), hashlib.sha256).hexdigest()[:16]


def aliases(data: str, names: Iterable[str]) -> list[str]:
    """The aliases of many names, each computed once."""
    names = list(map(str, names))
    known = {name: alias(data, name) for name in set(names)}
    return [known[name] for name in names]
