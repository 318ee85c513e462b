"""`data-card.md`: a section for every data set: source, people, preparation, covariates, limits."""

from __future__ import annotations

from bench.report.paper import data_sentences as data
from bench.report.paper.document_blocks import Block, bullets, grid, heading, paragraph
from bench.report.paper.paper_content import PaperContent, sets_of
from bench.report.paper.paper_document import PaperDocument
from bench.report.tables import SectionTables, captions

OPEN = (
    "intended use of the data, and uses that are excluded",
    "recruitment, consent, ethics approval",
    "scanners and sequences",
    "who is under-represented",
)
ABSENT = "Not prepared on this machine as in the study: preparation, exclusions and covariates are not known here."


def data_card_blocks(content: PaperContent) -> list[Block]:
    """A section for every data set of the study, each once."""
    blocks = [heading(f"Data card of {content.results.name}", 1)]
    done: set[str] = set()
    for found in content.tables:
        for name in sets_of(found):
            if name not in done:
                blocks += _card(content, found, name)
            done.add(name)
    return [block for block in blocks if block != Block()]


def _card(content: PaperContent, found: SectionTables, name: str) -> list[Block]:
    card, summary = content.card("datasets", name), content.prepared.get(name)
    facts = [f"{key}: {words}" for key, words in card.facts] if card else []
    cited = content.of_member("datasets", name)
    blocks = [heading(name), paragraph(f"{card.title if card else name} {cited}".strip())]
    blocks += [paragraph(captions.warning(found.section))]
    blocks += [paragraph(words) for words in (card.about if card else ())] + [bullets(facts)]
    blocks += [heading("People", 3), paragraph(_people(content, found, name))]
    blocks += [heading("Preparation and exclusions", 3), paragraph("" if summary else ABSENT)]
    steps = [f"{step}: {words}" for step, words in summary.steps.items()] if summary else []
    blocks += [bullets([*steps, *data.exclusions(content, found, [name])])]
    rows = data.covariates(content, found) if name == found.section.data.set_name else []
    if rows:
        blocks += [heading("Covariates", 3), grid(("Covariate", "Scans with a value", "Distribution"), rows)]
    return [*blocks, heading("Open, for the authors", 3), bullets(OPEN)]


def _people(content: PaperContent, found: SectionTables, name: str) -> list[str]:
    section, summary = found.section, content.prepared.get(name)
    if name != section.data.set_name:
        return ["Used for tests or for a pretraining: the records of this study do not count its people."]
    words = [data.people(content, found), *data.splits(content, found)]
    return [*words, f"Sites: {summary.sites}." if summary and summary.sites else ""]


DOCUMENT = PaperDocument(file="data-card.md", order=500, write=data_card_blocks)
