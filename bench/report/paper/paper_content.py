"""What the documents for a paper are written from: tables, manifest, cards and works of a study, gathered once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.report import report_manifest
from bench.report.appendix import Card, cards
from bench.report.paper.cited_works import Work, cited_texts, free_work, known_works
from bench.report.paper.document_blocks import citation
from bench.report.paper.prepared_summary import PreparedSummary, prepared_summary
from bench.report.protected_names import data_sets_of, pretraining_sets_of
from bench.report.tables import Results, SectionTables, Table, format_study

if TYPE_CHECKING:
    from bench.report import ReportData
    from bench.storage.anonymise import ProtectedNames

_PACKAGES = ("bench", "python", "torch", "numpy")  # of the environment of the records


@dataclass(frozen=True)
class PaperContent:
    """The content of a paper, without a format.

    Attributes
    ----------
    results : Results
        The study and its records.
    tables : tuple of SectionTables
        The tables of each data set.
    protected : ProtectedNames
        Names that no file may show.
    manifest : mapping
        The manifest of the report.
    cards : tuple of Card
        Data sets, methods and curricula as they describe themselves.
    works : mapping of str to Work
        Key -> every work that could be cited.
    sources : mapping of (str, str) to tuple of str
        Kind and name of a member -> keys of the works that it names.
    """

    results: Results
    tables: tuple[SectionTables, ...]
    protected: ProtectedNames
    manifest: Mapping[str, Any]
    cards: tuple[Card, ...]
    works: Mapping[str, Work]
    sources: Mapping[tuple[str, str], tuple[str, ...]]

    def card(self, kind: str, name: str) -> Card | None:
        """The card of a member; None if it has none."""
        return next((card for card in self.cards if (card.kind, card.name) == (kind, name)), None)

    def of_member(self, kind: str, name: str) -> str:
        """The citation of the works of a member."""
        return citation(self.sources.get((kind, name), ()))

    def of_package(self, name: str) -> str:
        """The citation of a package."""
        return citation(key for key, work in self.works.items() if work.package == name)

    def named(self, sentence: str) -> str:
        """Sentences, each with a citation of every known work that it mentions."""
        return " ".join(self._named(each) for each in sentences_of(sentence))

    def _named(self, sentence: str) -> str:
        keys = [key for key, work in self.works.items() if any(_mentions(sentence, phrase) for phrase in work.phrases)]
        if not keys:
            return sentence
        end = "." if sentence.endswith(".") else ""
        return f"{sentence.removesuffix('.')} {citation(keys)}{end}"

    @cached_property
    def arms(self) -> Table:
        """The table of the arms: method, view, curriculum, steps, parameters."""
        return next(table for table in format_study(self.results) if table.name == "arms")

    @cached_property
    def prepared(self) -> dict[str, PreparedSummary]:
        """Name of a data set -> what its preparation tells, for those that are prepared on this machine."""
        found = {}
        for name, params, fingerprint in _data_sets(self.results):
            if name not in found and (summary := prepared_summary(name, params, fingerprint)):
                found[name] = summary
        return found

    def has_rows(self, table: str) -> bool:
        """Whether a table of any data set has rows."""
        return any(len(found.frame(table)) for found in self.tables)


def _data_sets(results: Results) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Name, parameters and fingerprint of every data set of a study."""
    for section in results.sections:
        entry = section.data
        yield entry.set_name, entry.params, entry.fingerprint or ""
        if entry.external:
            spec = entry.external.data
            yield spec.name, spec.params, spec.fingerprint
        for spec in entry.pretraining:
            yield spec.name, spec.params, spec.fingerprint


def sets_of(found: SectionTables) -> list[str]:
    """The names of the data sets of a section: trained on, tested on, pretrained on."""
    entry = found.section.data
    return list(dict.fromkeys(name for name, _ in (*data_sets_of(entry), *pretraining_sets_of(entry))))


def _mentions(sentence: str, phrase: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(phrase)}", sentence) is not None


def sentences_of(text: str) -> list[str]:
    """The sentences of a text."""
    return re.split(r"(?<=[a-z0-9)][.!?])\s+(?=[A-Za-z])", text.strip())


def gather(data: ReportData) -> PaperContent:
    """The content of a paper from the data of a report."""
    described = cards(data.results, data.tables, data.protected.clean)
    manifest = report_manifest.manifest(data.results)
    works = {work.key: work for work in _with_versions(known_works().values(), manifest)}
    sources: dict[tuple[str, str], tuple[str, ...]] = {}
    by_text: dict[str, str] = {}
    for card in described:
        for text in _texts(card):
            if text not in by_text:
                work = free_work(text, card.name, works)
                works[work.key] = work
                by_text[text] = work.key
        sources[card.kind, card.name] = tuple(by_text[text] for text in _texts(card))
    return PaperContent(data.results, tuple(data.tables), data.protected, manifest, described, works, sources)


def _texts(card: Card) -> list[str]:
    """The texts of a card that name works: the citation of a data set, the sources of a method."""
    stated = dict(card.facts).get("Citation", "") if card.kind == "datasets" else ""
    return [*([stated] if stated else []), *cited_texts(card.about)]


def _with_versions(works: Iterable[Work], manifest: Mapping[str, Any]) -> Iterator[Work]:
    """The works; those of packages with the versions that ran."""
    versions = package_versions(manifest)
    for work in works:
        ran = versions.get(work.package, ())
        yield work.with_note(f"version {', '.join(ran)}") if ran else work


def package_versions(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Package -> versions that made records, and for the other libraries those that made the report."""
    environment = manifest["environment"]
    versions = {name: (version,) for name, version in environment["report"].items()}
    for name in _PACKAGES:
        if ran := sorted({entry[name] for entry in environment["records"] if entry[name]}):
            versions[name] = tuple(ran)
    return versions
