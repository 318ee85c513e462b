"""`tripod-ai.md`: the 27 items of TRIPOD+AI with their sub-items (Collins et al., BMJ 2024), as far as a run knows."""

from __future__ import annotations

from bench.report.paper import known_answers as known
from bench.report.paper.checklist import Item, checklist_blocks
from bench.report.paper.document_blocks import Block
from bench.report.paper.paper_content import PaperContent
from bench.report.paper.paper_document import PaperDocument

_FRONT = (
    Item("1", "title: development or evaluation of a model, population, outcome", known.outcome, "the title"),
    Item("2", "abstract by the checklist for abstracts"),
    Item("3a", "health-care context, rationale, earlier models"),
    Item("3b", "target population, purpose in care, users"),
    Item("3c", "known inequalities of health between groups of people"),
    Item("4", "objectives: development, evaluation or both", known.question, "whether it is development or evaluation"),
)
_DATA = (
    Item("5a", "sources of the data, reason, representativeness", known.sources, "reason, representativeness"),
    Item("5b", "dates of the data"),
    Item("6a", "setting, number and place of centres"),
    Item("6b", "who was eligible", known.exclusions, "criteria of the data set"),
    Item("6c", "treatments received"),
    Item("7", "preparation and quality checks", known.preparation, "whether alike for all groups of people"),
    Item("8a", "the outcome, its time, its assessment", known.outcome, "how and when it was assessed, and why"),
    Item("8b", "who assessed the outcome, where that takes judgement"),
    Item("8c", "blinding of the assessment"),
    Item("9a", "choice of first predictors, selection before the model", known.inputs, "reasons of the choice"),
    Item("9b", "definition of every predictor", known.covariates_read, "how and when they were measured, blinding"),
    Item("9c", "who assessed predictors, where that takes judgement"),
    Item("10", "sample size and its reason", known.detectable, "why this number of people"),
    Item("11", "missing data", known.missing, "missing data before the preparation"),
)
_ANALYSIS = (
    Item("12a", "use of the data: development and evaluation", known.partitions),
    Item("12b", "handling of predictors: scale, transformation", known.inputs),
    Item("12c", "kind of model, building, tuning, internal validation",
         lambda c: f"{known.model(c)} {known.selection(c)}", "reason of the choice"),
    Item("12d", "heterogeneity across clusters: how it was handled", known.sites),
    Item("12e", "measures of performance, and comparison of models", lambda c: f"{known.metrics(c)} {known.tests(c)}"),
    Item("12f", "updating of a model"),
    Item("12g", "how predictions were computed for the evaluation", known.repetition),
    Item("13", "imbalance of classes: methods, recalibration", known.people, "what was done about it, if anything"),
    Item("14", "fairness: approaches and reason", known.subgroups, "the reason"),
    Item("15", "output of the model, thresholds", known.output),
    Item("16", "differences between development and evaluation data", known.external, "differences in setting"),
    Item("17", "ethical approval and consent"),
)  # fmt: skip
_OPEN_SCIENCE = (
    Item("18a", "funding"),
    Item("18b", "conflicts of interest"),
    Item("18c", "protocol of the study"),
    Item("18d", "registration"),
    Item("18e", "sharing of data", known.terms, "where the data can be had"),
    Item("18f", "sharing of code", known.repetition, "where the code can be had"),
    Item("19", "involvement of patients and the public"),
)
_RESULTS = (
    Item("20a", "flow of people, with and without the outcome", known.people, "flow before the preparation"),
    Item("20b", "characteristics of the people", known.covariates, "characteristics that are no covariates"),
    Item("20c", "predictors in evaluation against development data"),
    Item("21", "people and outcomes in each analysis", known.part_sizes, "outcomes in each part"),
    Item("22", "the full model, for others to use", known.weights, "where the models can be had"),
    Item(
        "23a",
        "performance with intervals, also of subgroups",
        lambda c: f"{known.scores(c)} {known.subgroups(c)}".strip(),
        "subgroups that no covariate declares",
    ),
    Item("23b", "heterogeneity of the performance across clusters", known.sites),
    Item("24", "results of updating"),
)
_DISCUSSION = (
    Item("25", "interpretation, with fairness", known.comparisons, "the interpretation"),
    Item("26", "limitations", known.limits, "limitations that a run does not see"),
    Item("27a", "poor or missing input in use: how it is handled"),
    Item("27b", "interaction and expertise that use requires"),
    Item("27c", "next steps, applicability"),
)
PARTS = (
    ("Title, abstract, introduction", _FRONT),
    ("Methods: data", _DATA),
    ("Methods: analysis and ethics", _ANALYSIS),
    ("Open science and involvement", _OPEN_SCIENCE),
    ("Results", _RESULTS),
    ("Discussion", _DISCUSSION),
)


def tripod_blocks(content: PaperContent) -> list[Block]:
    """The checklist, filled as far as the run knows."""
    return checklist_blocks(content, f"TRIPOD+AI of {content.results.name}", "tripodai2024", PARTS)


DOCUMENT = PaperDocument(file="tripod-ai.md", order=200, write=tripod_blocks)
