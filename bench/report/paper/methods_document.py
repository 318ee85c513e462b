"""`methods.md`: the methods section of a paper, of what the run knows and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.report.paper import data_sentences as data
from bench.report.paper import software_sentences as software
from bench.report.paper import statistics_sentences as statistics
from bench.report.paper import training_sentences as training
from bench.report.paper.document_blocks import Block, bullets, heading, paragraph
from bench.report.paper.paper_content import PaperContent
from bench.report.paper.paper_document import PaperDocument
from bench.report.tables import SectionTables, captions

ABOUT = (
    "Written from the plan and the records of the study. What a run cannot know is not here: the checklists beside this"
    " file list it. Citations are keys of references.bib."
)


def methods_blocks(content: PaperContent) -> list[Block]:
    """The methods section: data, splits, arms, training, metrics, tests, controls, software."""
    blocks = [heading(f"Methods of {content.results.name}", 1), paragraph(ABOUT)]
    blocks += [heading("Question"), paragraph(content.results.plan.question)] if content.results.plan.question else []
    blocks += [heading("Data"), *_each(content, _data), heading("Splits"), *_each(content, _splits)]
    blocks += [heading("Arms"), bullets(training.arm_lines(content)), bullets(training.beginnings(content))]
    blocks += [heading("Training"), paragraph(training.recipe(content))]
    blocks += [heading("Selection"), paragraph(training.selection(content))]
    blocks += [heading("Metrics"), *_each(content, _metrics)]
    blocks += [heading("Statistical tests"), *_each(content, _tests)]
    blocks += [heading("Controls"), *_each(content, _controls)]
    blocks += [heading("Runs and software"), paragraph(software.run_sentences(content))]
    blocks += [paragraph(software.software(content))]
    blocks += [
        paragraph("Commands that repeat the study:"),
        bullets(f"`{line}`" for line in software.commands(content)),
    ]
    return [block for block in blocks if block.level or block.text or block.items or block.rows]


def _each(content: PaperContent, blocks_of: Callable[[PaperContent, SectionTables], list[Block]]) -> Iterator[Block]:
    """The blocks of every data set, with a heading if there are several."""
    for found in content.tables:
        if len(content.tables) > 1:
            yield heading(captions.heading(found.section), 3)
        yield from blocks_of(content, found)


def _data(content: PaperContent, found: SectionTables) -> list[Block]:
    words = [captions.warning(found.section), *data.sources(content, found), data.people(content, found)]
    words += [data.task(found), *data.preparation(content, found)]
    return [paragraph(words), bullets(data.exclusions(content, found)), paragraph(data.licences(content, found))]


def _splits(content: PaperContent, found: SectionTables) -> list[Block]:
    return [paragraph(data.splits(content, found))]


def _metrics(content: PaperContent, found: SectionTables) -> list[Block]:
    return [paragraph(statistics.metric_sentences(content, found))]


def _tests(content: PaperContent, found: SectionTables) -> list[Block]:
    sentences = statistics.test_sentences(content, found)
    if not sentences:
        plan = content.results.plan
        declared = plan.contrasts or plan.split_contrasts or plan.design
        why = "No declared comparison is possible on these data" if declared else "The study declares no comparison"
        return [paragraph(f"{why}: nothing was tested.")]
    return [paragraph(sentences), bullets(statistics.declared(found))]


def _controls(content: PaperContent, found: SectionTables) -> list[Block]:
    return [bullets(statistics.control_lines(found))]


DOCUMENT = PaperDocument(file="methods.md", order=100, write=methods_blocks)
