"""`claim-2024.md`: the 44 items of CLAIM 2024 (Tejani et al., Radiology: Artificial Intelligence), as far as known."""

from __future__ import annotations

from bench.report.paper import known_answers as known
from bench.report.paper.checklist import Item, checklist_blocks
from bench.report.paper.document_blocks import Block
from bench.report.paper.paper_content import PaperContent
from bench.report.paper.paper_document import PaperDocument

_FRONT = (
    Item("1", "title or abstract: a study of AI, and of which kind", known.technology, "the title"),
    Item("2", "structured abstract"),
    Item("3", "background, intended use, role of the AI"),
    Item("4", "aims, objectives, hypotheses", known.question, "hypotheses"),
)
_DATA = (
    Item("5", "prospective or retrospective"),
    Item("6", "goal of the study", known.question),
    Item("7", "sources of the data", known.sources),
    Item("8", "inclusion and exclusion", known.exclusions, "criteria of the data set"),
    Item("9", "preprocessing", known.preparation, "what was done before the scans were read"),
    Item("10", "selection of subsets of the data", known.inputs, "selection before the preparation"),
    Item("11", "de-identification"),
    Item("12", "missing data", known.missing, "missing data before the preparation"),
    Item("13", "acquisition of the images"),
)
_REFERENCE = (
    Item("14", "definition of the reference standard", known.outcome, "how it was obtained"),
    Item("15", "reason for this reference standard"),
    Item("16", "source of the annotations"),
    Item("17", "annotation of the test set"),
    Item("18", "variability of annotators"),
)
_PARTITIONS = (
    Item("19", "assignment of data to parts", known.partitions),
    Item("20", "level at which parts are disjoint", known.disjoint),
    Item("21", "intended size of the test data", known.detectable, "the size that was intended"),
)
_MODEL = (
    Item("22", "description of the model", known.model),
    Item("23", "software, packages", known.packages),
    Item("24", "initial parameters of the model", known.initialisation, "how the first weights are drawn"),
    Item("25", "training", known.recipe),
    Item("26", "selection of the final model", known.selection),
    Item("27", "ensembles", known.ensembles),
)
_EVALUATION = (
    Item("28", "metrics of performance", known.metrics),
    Item("29", "significance and uncertainty", known.tests),
    Item("30", "robustness or sensitivity", known.robustness),
    Item("31", "explanation of models"),
    Item("32", "evaluation on internal data", known.internal),
    Item("33", "testing on external data", known.external),
    Item("34", "registration of a clinical trial"),
)
_RESULTS = (
    Item("35", "people or examinations included and excluded", lambda c: f"{known.people(c)} {known.exclusions(c)}"),
    Item("36", "characteristics of the cases in each part", lambda c: f"{known.part_sizes(c)} {known.covariates(c)}",
         "characteristics in each part"),
    Item("37", "performance with its uncertainty", lambda c: f"{known.scores(c)} {known.comparisons(c)}"),
    Item("38", "diagnostic performance with its precision", known.operating, "intervals of both"),
    Item("39", "analysis of failures"),
)  # fmt: skip
_REST = (
    Item("40", "limitations", known.limits, "limitations that a run does not see"),
    Item("41", "implications for practice"),
    Item("42", "full protocol or more technical details", known.repetition, "a protocol, if there is one"),
    Item("43", "availability of software, model and data", lambda c: f"{known.repetition(c)} {known.terms(c)}",
         "where each can be had"),
    Item("44", "funding and the role of funders"),
)  # fmt: skip
PARTS = (
    ("Title, abstract, introduction", _FRONT),
    ("Design and data", _DATA),
    ("Reference standard", _REFERENCE),
    ("Partitions", _PARTITIONS),
    ("Model and training", _MODEL),
    ("Evaluation", _EVALUATION),
    ("Results", _RESULTS),
    ("Discussion and other information", _REST),
)


def claim_blocks(content: PaperContent) -> list[Block]:
    """The checklist, filled as far as the run knows."""
    return checklist_blocks(content, f"CLAIM 2024 of {content.results.name}", "claim2024", PARTS)


DOCUMENT = PaperDocument(file="claim-2024.md", order=300, write=claim_blocks)
