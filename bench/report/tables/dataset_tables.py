"""The numbers of every table, computed when they are first read, and the formatted tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from bench import registry
from bench.report.tables.declared_tests import corrected
from bench.report.tables.results import DatasetResults, Results
from bench.report.tables.table import Table
from bench.report.tables.table_catalog import Specs, of_kind, read_specs
from bench.report.tables.table_spec import AcrossTableSpec, StudyTableSpec, TableSpec


@dataclass(frozen=True)
class StudyFrames:
    """What the data sets of a study share: the table specifications, and the declared tests, corrected together."""

    results: Results
    specs: Specs

    @cached_property
    def tests(self) -> dict[str, pd.DataFrame]:
        """Table name -> its declared tests on all data sets, after Holm's correction over all of these tables."""
        specs = of_kind(self.specs, TableSpec)
        declared = {spec.name: spec.tests(self.results) for spec in specs if spec.tests is not None}
        return dict(zip(declared, corrected(*declared.values()), strict=True))


@dataclass(frozen=True)
class SectionTables:
    """The numbers of one data set, by the names of the tables.

    The properties are those frames that conclusions and figures read, too.
    """

    study: StudyFrames
    section: DatasetResults
    given: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # numbers that need no computing

    @property
    def results(self) -> Results:
        """The study that the data set is a part of."""
        return self.study.results

    def frame(self, name: str) -> pd.DataFrame:
        """The numbers of a table, computed once. KeyError if no table has that name, or the table has no numbers."""
        if name not in self._frames:
            self._frames[name] = self._compute(name)
        return self._frames[name]

    def _compute(self, name: str) -> pd.DataFrame:
        known = {spec.name: spec for spec in of_kind(self.study.specs, TableSpec) if spec.frame or spec.tests}
        if name not in known:
            raise KeyError(f"no table {name!r} with numbers; {registry.did_you_mean(name, known)}")
        spec = known[name]
        if spec.frame is not None:
            return spec.frame(self)
        tests = self.study.tests[spec.name]
        return tests[tests["data"] == self.section.name] if len(tests) else tests

    @cached_property
    def _frames(self) -> dict[str, pd.DataFrame]:
        return dict(self.given)

    @property
    def scores(self) -> pd.DataFrame:
        """A row for every arm."""
        return self.frame("scores")

    @property
    def contrasts(self) -> pd.DataFrame:
        """A row for every declared contrast."""
        return self.frame("contrasts")

    @property
    def splits(self) -> pd.DataFrame:
        """A row for every arm and every split that this one is compared with; empty if there is none."""
        return self.frame("splits")

    @property
    def effects(self) -> pd.DataFrame:
        """A row for every effect of a factor; empty for a study without factors."""
        return self.frame("effects")

    @property
    def controls(self) -> pd.DataFrame:
        """A row for every floor, for A/A and for random labels."""
        return self.frame("controls")

    @property
    def learning(self) -> pd.DataFrame:
        """A row for every arm except floors: whether it beats a floor that sees no scan."""
        return self.frame("learning")

    @property
    def trained(self) -> pd.DataFrame:
        """A row for every declared contrast, as a comparison of the trained models."""
        return self.frame("trained")

    @property
    def failures(self) -> pd.DataFrame:
        """A row for every run that failed or was refused."""
        return self.frame("failures")


def section_tables(results: Results) -> list[SectionTables]:
    """The tables of every data set, real data first."""
    study = StudyFrames(results, read_specs())
    return [SectionTables(study, section) for section in results.sections]


def format_tables(found: SectionTables) -> list[Table]:
    """The formatted tables of a data set that have rows."""
    specs = [spec for spec in of_kind(found.study.specs, TableSpec) if spec.layout is not None]
    return _with_rows([spec.layout(found).titled(spec.name, spec.title) for spec in specs])


def caption_of(found: SectionTables | Sequence[SectionTables], name: str) -> str:
    """The caption of a table of one data set, or of one over several of a kind; empty if it has no rows."""
    several = not isinstance(found, SectionTables)
    study = found[0].study if several else found.study
    kind = AcrossTableSpec if several else TableSpec
    specs = (spec for spec in of_kind(study.specs, kind) if spec.name == name and spec.layout is not None)
    return next((body.caption for body in (spec.layout(found) for spec in specs) if body.rows), "")


def format_across(found: Sequence[SectionTables]) -> list[Table]:
    """The formatted tables over several data sets that have rows; real and phantom data never share one."""
    tables = []
    for spec in of_kind(found[0].study.specs, AcrossTableSpec):
        for kind, end, more in (("real", "", ""), ("phantom", "_phantom", " (phantoms)")):
            if same_kind := [each for each in found if each.section.kind == kind]:
                tables.append(spec.layout(same_kind).titled(spec.name + end, spec.title + more))
    return _with_rows(tables)


def format_study(results: Results) -> list[Table]:
    """The formatted tables of the study as a whole that have rows."""
    specs = of_kind(read_specs(), StudyTableSpec)
    return _with_rows([spec.layout(results).titled(spec.name, spec.title) for spec in specs])


def _with_rows(tables: Sequence[Table]) -> list[Table]:
    return [table for table in tables if table.rows]
