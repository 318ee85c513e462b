"""The report in Markdown, its tables in LaTeX, its numbers in CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from urllib.parse import quote

import pandas as pd

from bench.report.context import ReportContext, ReportFigure
from bench.report.tables import AcrossTableSpec, SectionTables, Table, TableSpec, latex, markdown, prose
from bench.report.tables.number_format import MINUS, NOTHING
from bench.report.tables.table_catalog import of_kind
from bench.storage.anonymise import ProtectedNames


def as_markdown(facts: ReportContext) -> str:
    """The whole report in Markdown."""
    lines = [f"# {facts.study}", prose(facts.question), *(f"**{prose(sentence)}**" for sentence in facts.summary)]
    lines += ["## What was run", *(f"- {name}: {prose(v)}" for name, v in facts.run)]
    lines += [f"- {prose(note)}" for note in facts.notes]
    for part in facts.parts:
        lines += [f"## {part.heading}", *(f"**{prose(caution)}**" for caution in part.cautions)]
        answers = "\n".join(f"- {prose(sentence)}" for sentence in part.answers)
        lines += ["### Answer", answers or "No contrast is declared."]
        for table in part.tables:
            lines += [f"### {table.title}"]
            lines += [_picture(picture) for picture in part.figures if picture.table == table.name]
            lines += [markdown(table)]
        names = {table.name for table in part.tables}
        lines += [_picture(picture) for picture in part.figures if picture.table not in names]
    if facts.across:
        lines += ["## Over data sets"]
        lines += [text for table in facts.across for text in (f"### {table.title}", markdown(table))]
        lines += [_picture(picture) for picture in facts.figures_over_data_sets]
    lines += [text for table in facts.study_tables for text in (f"## {table.title}", markdown(table))]
    lines += ["## To repeat this", "```console\n" + "\n".join(facts.repeat.commands) + "\n```"]
    lines += [f"- {name}: {prose(words)}" for name, words in facts.repeat.facts]
    lines += ["## How to read it", "\n".join(f"- {word}" for word in facts.reading)]
    return _joined(lines)


def _picture(picture: ReportFigure) -> str:
    caption = f"\n\n*{prose(picture.caption)}*" if picture.caption else ""
    return f"![{prose(picture.alt)}](figures/{quote(picture.stem, safe='@')}.png){caption}"


def _joined(lines: list[str]) -> str:
    """The lines joined: blank lines between blocks, none between the items of a list."""
    text = ""
    for before, line in zip(["", *lines], lines, strict=False):
        apart = "\n" if before.startswith("- ") and line.startswith("- ") else "\n\n"
        text += line if not text else apart + line
    return text + "\n"


def as_latex(facts: ReportContext) -> str:
    """Every table of the report, for \\input after \\usepackage{booktabs,graphicx}."""
    blocks = [f"% {facts.study}: needs \\usepackage{{booktabs,graphicx}} and a LaTeX that reads UTF-8"]
    for part in facts.parts:
        for table in part.tables:
            label = _tex_label(f"tab:{facts.study}-{part.name}-{table.name}")
            blocks.append(latex(table, label, part.heading))
    blocks += [latex(table, _tex_label(f"tab:{facts.study}-{table.name}"), facts.study) for table in facts.across]
    return "\n\n".join(blocks) + "\n"


def _tex_label(text: str) -> str:
    """A label without the signs that LaTeX reads even there."""
    return re.sub(r"[\\%#&~^${}\s]", lambda match: f"-{ord(match[0]):x}-", text)


def table_as_csv(table: Table) -> str:
    """A formatted table, for a program: a plain minus sign, and nothing if there is no number."""
    written = io.StringIO()
    out = csv.writer(written, lineterminator="\n")
    out.writerow(table.columns)
    out.writerows([["" if word == NOTHING else word.replace(MINUS, "-") for word in row] for row in table.rows])
    return written.getvalue()


def as_csv(found: list[SectionTables], known: ProtectedNames) -> dict[str, str]:
    """File name -> text. Real and phantom data never share a file: if a study has both, phantoms have their own."""
    kinds = {frames.section.kind for frames in found}
    texts = {}
    for kind in sorted(kinds):
        end = "_phantom" if kind == "phantom" and len(kinds) > 1 else ""
        same_kind = [frames for frames in found if frames.section.kind == kind]
        texts |= {f"{name}{end}.csv": text for name, text in _csv_of_kind(same_kind, known)}
    return texts


def _csv_of_kind(found: list[SectionTables], known: ProtectedNames) -> Iterator[tuple[str, str]]:
    specs = found[0].study.specs
    for spec in of_kind(specs, TableSpec):
        if spec.csv and (spec.csv_if_empty or any(len(frames.frame(spec.name)) for frames in found)):
            yield spec.csv, _stacked([_anonymised(spec, frames, known) for frames in found])
    for spec in of_kind(specs, AcrossTableSpec):
        if spec.csv and len(frame := spec.frame(found)):
            yield spec.csv, _stacked([frame])


def _anonymised(spec: TableSpec, found: SectionTables, known: ProtectedNames) -> pd.DataFrame:
    frame = found.frame(spec.name)
    return frame if spec.anonymise is None else spec.anonymise(found, frame, known)


def _stacked(frames: list[pd.DataFrame]) -> str:
    filled = [frame for frame in frames if len(frame)]
    frame = pd.concat(filled, ignore_index=True) if filled else frames[0]
    return frame.to_csv(index=False, lineterminator="\n")
