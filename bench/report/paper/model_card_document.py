"""`model-card.md`: a section for every arm: what it is, whom it learnt from, its scores, its limits."""

from __future__ import annotations

from bench.core.outside_arm import is_outside_label
from bench.report.paper import data_sentences as data
from bench.report.paper import statistics_sentences as statistics
from bench.report.paper import training_sentences as training
from bench.report.paper.document_blocks import Block, bullets, heading, paragraph
from bench.report.paper.paper_content import PaperContent
from bench.report.paper.paper_document import PaperDocument
from bench.report.paper.software_sentences import weights
from bench.report.tables import SectionTables, captions
from bench.report.tables.number_format import NOTHING, large, seconds

OPEN = (
    "intended use and users, and uses that are excluded",
    "scores of groups of people (sex, age, site, ethnicity)",
    "ethical considerations",
)


def model_card_blocks(content: PaperContent) -> list[Block]:
    """A section for every arm of the study."""
    blocks = [heading(f"Model card of {content.results.name}", 1), paragraph(_all(content))]
    for arm, line in zip(_arms(content), training.arm_lines(content), strict=True):
        blocks += [heading(arm), paragraph(line)]
        for found in content.tables:
            blocks += _on(content, found, arm)
        blocks += [heading("Open, for the authors", 3), bullets(OPEN)]
    return [block for block in blocks if block != Block()]


def _arms(content: PaperContent) -> list[str]:
    return [row[0] for row in content.arms.rows]


def _all(content: PaperContent) -> list[str]:
    kept = weights(content)
    words = ["An arm is one network, or one simple model, for each fold: scores are means over these models."]
    return [*words, f"Weights: {kept}." if kept else ""]


def _on(content: PaperContent, found: SectionTables, arm: str) -> list[Block]:
    """What is known of an arm on one data set; empty if the study has it not there."""
    if arm not in found.section.arms:
        return []
    row = next(entry for entry in found.scores.to_dict("records") if entry["arm"] == arm)
    learnt = [f"Learnt or not: {each['verdict']}" for each in found.learning.to_dict("records") if each["arm"] == arm]
    tests = [line for line in statistics.results_of(found) if line.startswith((f"{arm} against ",))]
    limits = [note for note in _notes(found) if _concerns(note, arm)]
    lines = [
        _people(content, found, arm),
        *(f"Score: {line.removeprefix(f'{arm}: ')}" for line in statistics.score_lines(found, arm)),
        *(f"Comparison: {line}" for line in tests),
        *learnt,
        _cost(row),
        *(f"Limit: {note.removeprefix(f'{arm}: ')}" for note in limits),
        *([f"Limit: {words}"] if (words := captions.warning(found.section)) else []),
    ]
    return [heading(captions.heading(found.section), 3), bullets(lines)]


def _people(content: PaperContent, found: SectionTables, arm: str) -> str:
    if is_outside_label(arm):
        return "People: it was not trained here, and whom it learnt from is not known."
    return f"People: {data.people(content, found)} {data.sizes(content, found)}".strip()


def _notes(found: SectionTables) -> tuple[str, ...]:
    """The notes under the scores: on views, begun networks, arms from outside."""
    from bench.report.tables.scores_table import scores_body

    return scores_body(found).notes


def _concerns(note: str, arm: str) -> bool:
    return arm in note.partition(": ")[0].split(", ")


def _cost(row: dict) -> str:
    known = [("parameters", large(row["parameters"])), ("FLOPs of a forward pass", large(row["forward_flops"]))]
    known += [("seconds of training a run", seconds(row["train_seconds"]))]
    words = [f"{value} {name}" for name, value in known if value != NOTHING]
    return f"Cost: {', '.join(words)}" if words else ""


DOCUMENT = PaperDocument(file="model-card.md", order=600, write=model_card_blocks)
