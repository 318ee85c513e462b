"""`metrics-reloaded.md`: problem fingerprint and metrics by Metrics Reloaded (Maier-Hein, Reinke et al. 2024)."""

from __future__ import annotations

from collections import Counter

from bench.evaluation import metrics
from bench.report.paper import data_sentences as data
from bench.report.paper.checklist import FILLED, OPEN
from bench.report.paper.document_blocks import Block, bullets, citation, grid, heading, paragraph
from bench.report.paper.metric_reasons import OTHER, REASONS
from bench.report.paper.paper_content import PaperContent
from bench.report.paper.paper_document import PaperDocument
from bench.report.paper.training_sentences import threshold
from bench.report.tables import SectionTables, captions
from bench.report.tables.number_format import NOTHING
from bench.report.tables.scores_table import interval_words

CATEGORIES = {
    "classification": "classification of whole images",
    "segmentation": "semantic segmentation: a class for every voxel",
}
ABSENT = {
    "classification": ("expected cost and net benefit, which need the costs of errors",),
    "segmentation": ("normalised surface distance, which needs a tolerance",),
}
_LEFT = ("domain interest", "consequences of each kind of error"), ("domain interest", "use of the probabilities")
_TARGET = (
    ("target", "importance of boundaries, volume and centre"),
    ("target", "size of the structures against the voxels, and its variation"),
    ("target", "tubes or other shapes that overlap cannot see"),
)


def metrics_blocks(content: PaperContent) -> list[Block]:
    """Fingerprint and metrics of every data set, with the numbers of filled and open properties at the top."""
    rows = {found.section.name: _fingerprint(content, found) for found in content.tables}
    states = Counter(row[2] for each in rows.values() for row in each)
    blocks = [
        heading(f"Metrics Reloaded of {content.results.name}", 1),
        paragraph(
            f"{states.total()} properties of the problem fingerprint: {states[FILLED]} filled, {states[OPEN]} open for"
            f" the authors. The words are ours {citation(['metricsreloaded2024'])}."
        ),
    ]
    for found in content.tables:
        blocks += [heading(captions.heading(found.section)), heading("Problem fingerprint", 3)]
        blocks += [grid(("Concerns", "Property", "State", "From the run"), rows[found.section.name])]
        blocks += [heading("Metrics", 3), grid(("Metric", "Group", "Better", "Role", "Why"), _metrics(content, found))]
        blocks += [bullets(_computed(found)), *_outside(found)]
    return blocks


def _fingerprint(content: PaperContent, found: SectionTables) -> list[tuple[str, str, str, str]]:
    section = found.section
    kind = section.task.kind
    classes = len(section.task.classes)
    answers = [
        ("problem", "category", CATEGORIES.get(kind, "")),
        ("problem", "classes", ", ".join(section.task.classes)) if classes else ("problem", "unit", section.task.unit),
        *((*each, "") for each in _LEFT),
        *((*each, "") for each in (_TARGET if section.task.per_voxel else ())),
        ("data", "people, and shares of the classes", data.people(content, found)),
        ("data", "whether the shares are those of the population", ""),
        ("data", "errors and disagreement in the reference", _label_noise(found)),
        ("data", "dependent test cases", _dependence(found)),
        ("output", "scores of the classes", "probabilities of each class" if kind == "classification" else ""),
        ("output", "invalid predictions", _invalid(found)),
    ]
    return [(*each[:2], FILLED if each[2] else OPEN, each[2] or NOTHING) for each in answers]


def _label_noise(found: SectionTables) -> str:
    noise = found.section.data.noise
    return f"{100 * noise:g} % of the training groups were put under a wrong class by the study" if noise else ""


def _dependence(found: SectionTables) -> str:
    scans, people = found.section.counted()
    if scans is None:
        return ""
    if scans == people:
        return "one scan of each person"
    return (
        f"{scans} scans of {people} people: intervals and tests are over {captions.over(found.section)}, not over scans"
    )


def _invalid(found: SectionTables) -> str:
    runs = [run for run in found.section.runs if run.cell.role == "arm"]
    failed = sum(run.status == "failed" for run in runs)
    return f"{failed} of {len(runs)} runs failed" if runs else ""


def _metrics(content: PaperContent, found: SectionTables) -> list[tuple[str, ...]]:
    rows = []
    for one in metrics.of_task(found.section.task):
        group, why = REASONS.get(one.name, OTHER)
        role = (
            "primary: the choice of the data set; the tests decide by it"
            if one.name == found.section.task.primary
            else "beside it"
        )
        rows.append((content.named(one.title), group, one.better, role, why or NOTHING))
    return rows


def _computed(found: SectionTables) -> list[str]:
    section = found.section
    lines = [
        "Aggregation: computed within each fold and averaged, never pooled over models"
        if section.metric.ranks
        else "Aggregation: means over the scans of a fold, then over folds",
        f"Interval of the primary metric: {interval_words(section)}",
    ]
    lines += [f"Threshold: {threshold()}"] if len(found.frame("operating")) else []
    return [*lines, *(f"Not computed: {words}" for words in ABSENT.get(section.task.kind, ()))]


def _outside(found: SectionTables) -> list[Block]:
    kind = found.section.task.kind
    if kind in CATEGORIES:
        return []
    return [
        paragraph(f"Metrics Reloaded has no category for {kind}: the table groups the metrics by what they measure.")
    ]


DOCUMENT = PaperDocument(file="metrics-reloaded.md", order=400, write=metrics_blocks)
