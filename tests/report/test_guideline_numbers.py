"""Items of reporting guidelines have the numbers of the published lists: what is asked under a number is what they ask.

The topics are those of the TRIPOD+AI checklist (BMJ 2024;385:e078378, CC BY 4.0) and of CLAIM 2024 (Radiology:
Artificial Intelligence 2024;6:e240300), a word or two for each item.
"""

from __future__ import annotations

import pytest

from bench.report.paper import claim_document, tripod_document

TRIPOD = {
    "1": "title", "2": "abstract", "3a": "context", "3b": "target population", "3c": "inequalities", "4": "objectives",
    "5a": "sources", "5b": "dates", "6a": "setting", "6b": "eligible", "6c": "treatments", "7": "preparation",
    "8a": "outcome", "8b": "judgement", "8c": "blinding", "9a": "choice", "9b": "definition", "9c": "predictors",
    "10": "sample size", "11": "missing", "12a": "use of the data", "12b": "handling of predictors",
    "12c": "kind of model", "12d": "heterogeneity", "12e": "measures of performance", "12f": "updating",
    "12g": "predictions were computed", "13": "imbalance", "14": "fairness", "15": "output",
    "16": "differences between development and evaluation", "17": "ethical", "18a": "funding", "18b": "conflicts",
    "18c": "protocol", "18d": "registration", "18e": "sharing of data", "18f": "sharing of code", "19": "public",
    "20a": "flow", "20b": "characteristics", "20c": "evaluation against development", "21": "in each analysis",
    "22": "full model", "23a": "performance with intervals", "23b": "heterogeneity", "24": "updating",
    "25": "interpretation", "26": "limitations", "27a": "input", "27b": "expertise", "27c": "next steps",
}  # fmt: skip
CLAIM = (
    "title", "abstract", "background", "hypotheses", "retrospective", "goal", "sources of the data", "inclusion",
    "preprocessing", "subsets", "de-identification", "missing", "acquisition", "definition of the reference", "reason",
    "source of the annotations", "test set", "variability", "assignment", "disjoint", "size", "model", "software",
    "initial", "training", "final model", "ensembles", "metrics", "uncertainty", "robustness", "explanation",
    "internal", "external", "clinical trial", "included and excluded", "characteristics", "performance", "diagnostic",
    "failures", "limitations", "practice", "protocol", "availability", "funding",
)  # fmt: skip


@pytest.mark.parametrize(
    ("document", "topics"),
    [
        (tripod_document, TRIPOD),
        (claim_document, {str(at): topic for at, topic in enumerate(CLAIM, 1)}),
    ],
    ids=["tripod", "claim"],
)
def test_an_item_asks_what_the_published_list_asks_under_its_number(document, topics):
    items = {item.number: item.asks for _, part in document.PARTS for item in part}
    assert list(items) == list(topics)
    assert {number for number, topic in topics.items() if topic not in items[number]} == set()
