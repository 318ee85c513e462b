"""What a run knows of the questions that checklists ask; an empty text where it knows nothing."""

from __future__ import annotations

from collections.abc import Callable

from bench.core.outside_arm import is_outside, is_outside_label
from bench.report.conclusions import cautions
from bench.report.paper import data_sentences as data
from bench.report.paper import software_sentences as software
from bench.report.paper import statistics_sentences as statistics
from bench.report.paper import training_sentences as training
from bench.report.paper.paper_content import PaperContent, sentences_of
from bench.report.tables import SectionTables
from bench.report.tables.number_format import listed, plural


def _sections(content: PaperContent, words: Callable[[SectionTables], str]) -> str:
    """Words of every data set, each with its name if there are several."""
    return data.per_section(content, [(found, words(found)) for found in content.tables])


def question(content: PaperContent) -> str:
    """What the study asks."""
    return content.results.plan.question


def technology(content: PaperContent) -> str:
    """The families of the methods that were compared."""
    families = list(dict.fromkeys(cell.family for cell in content.results.plan.cells if cell.family))
    arms = plural(len(content.arms.rows), "arm")
    return f"{arms} of the families {listed(families)}, trained and tested on brain images." if families else ""


def sources(content: PaperContent) -> str:
    """The data sets and where they are from."""
    return _sections(content, lambda found: " ".join(data.sources(content, found)))


def terms(content: PaperContent) -> str:
    """The terms of the data."""
    return _sections(content, lambda found: " ".join(data.licences(content, found)))


def exclusions(content: PaperContent) -> str:
    """What was left out or merged."""
    return _sections(content, lambda found: " ".join(data.exclusions(content, found)))


def preparation(content: PaperContent) -> str:
    """How scans were prepared."""
    return _sections(content, lambda found: " ".join(data.preparation(content, found)))


def outcome(content: PaperContent) -> str:
    """What is predicted, and what the card of the data says of it first."""

    def words(found: SectionTables) -> str:
        card = content.card("datasets", found.section.data.set_name)
        return " ".join([data.task(found), sentences_of(card.about[0])[0] if card else ""])

    return _sections(content, words)


def people(content: PaperContent) -> str:
    """How many people and scans, by class."""
    return _sections(content, lambda found: data.people(content, found))


def inputs(content: PaperContent) -> str:
    """What the arms read."""
    arms: dict[str, list[str]] = {}
    for arm, _, view, *_ in content.arms.rows:
        arms.setdefault(view, []).append(arm)
    return f"Inputs of the arms: {'; '.join(f'{listed(names)}: {view}' for view, names in arms.items())}."


def covariates(content: PaperContent) -> str:
    """The covariates of the data, and their distribution."""

    def words(found: SectionTables) -> str:
        rows = [f"{name} (known of {known} scans; {words})" for name, known, words in data.covariates(content, found)]
        return f"Covariates: {', '.join(rows)}." if rows else ""

    return _sections(content, words)


def covariates_read(content: PaperContent) -> str:
    """The covariates that arms read."""
    rows = [(arm, training.covariates_read(content, arm)) for arm, *_ in content.arms.rows]
    return " ".join(f"{arm} reads {listed(names)}." for arm, names in rows if names)


def detectable(content: PaperContent) -> str:
    """What the tests could have shown."""
    return _sections(content, lambda found: "; ".join(statistics.declared(found)))


def missing(content: PaperContent) -> str:
    """What is missing, and that nothing is filled in."""
    state = content.manifest["state"]
    lost = f"{state['failed']} failed, {state['refused']} refused and {state['open']} open of {state['planned']} runs"
    return f"{_sections(content, lambda found: _left_out(content, found))} {lost}; a missing run is in no mean.".strip()


def _left_out(content: PaperContent, found: SectionTables) -> str:
    """Scans that were left out, and covariates that are not known of all scans."""
    scans = [words for words in data.exclusions(content, found) if "left out" in words]
    if not scans and found.section.data.set_name in content.prepared:
        scans = ["The preparation left out no scan."]
    counts = [(name, known.split(" of ")) for name, known, _ in data.covariates(content, found)]
    lacking = [f"{name} (known of {known} of {total} scans)" for name, (known, total) in counts if known != total]
    return " ".join([*scans, f"Covariates with missing values: {', '.join(lacking)}." if lacking else ""])


def partitions(content: PaperContent) -> str:
    """How people were divided."""
    return _sections(content, lambda found: " ".join(data.splits(content, found)))


def part_sizes(content: PaperContent) -> str:
    """The sizes of the parts."""
    return _sections(content, lambda found: data.sizes(content, found))


def disjoint(content: PaperContent) -> str:
    """At which level parts are disjoint."""
    cross = any(found.section.data.split == "kfold" for found in content.tables)
    return "The person, as far as the data name people: all scans of a person are in one part." if cross else ""


def model(content: PaperContent) -> str:
    """The arms, and where they are described."""
    methods = {cell.arm: cell.method for cell in content.results.plan.cells if cell.role == "arm"}
    arms = [arm if is_outside_label(arm) else f"{arm} (`{name}`)" for arm, name in methods.items()]
    return f"{'; '.join(arms)}. Parameters: methods.md, Arms."


def recipe(content: PaperContent) -> str:
    """How the arms were trained."""
    return " ".join(training.recipe(content))


def initialisation(content: PaperContent) -> str:
    """What the networks begin with."""
    if notes := training.beginnings(content):
        return " ".join(notes)
    trained = any(not is_outside(record.trial) for record in content.results.records)
    return "No record names weights of another training." if trained else ""


def selection(content: PaperContent) -> str:
    """How the evaluation point was chosen."""
    return " ".join(training.selection(content))


def ensembles(content: PaperContent) -> str:
    """The arms that average several networks."""
    arms = list(dict.fromkeys(cell.arm for cell in content.results.plan.cells if cell.method == "ensemble"))
    return f"Arms of the method `ensemble`: {listed(arms)}." if arms else "No arm is of the method `ensemble`."


def metrics(content: PaperContent) -> str:
    """The metrics."""
    return _sections(content, lambda found: " ".join(statistics.metric_sentences(content, found)))


def tests(content: PaperContent) -> str:
    """The deciding test."""
    return _sections(content, lambda found: " ".join(statistics.test_sentences(content, found)))


def output(content: PaperContent) -> str:
    """What the models give, and the threshold."""
    kinds = {found.section.task.kind for found in content.tables}
    words = {
        "classification": "A probability of each class.",
        "regression": "A number.",
        "segmentation": "A class for every voxel.",
        "registration": "A displacement for every voxel.",
        "translation": "An image.",
    }
    given = [words[kind] for kind in words if kind in kinds]
    return " ".join([*given, training.threshold()] if content.has_rows("operating") else given)


def scores(content: PaperContent) -> str:
    """The primary score of each arm with its interval."""
    return _sections(content, lambda found: "; ".join(statistics.score_lines(found)) + ".")


def subgroups(content: PaperContent) -> str:
    """Where the scores in strata of covariates are, and of which."""
    return _sections(content, _strata)


def _strata(found: SectionTables) -> str:
    names = list(dict.fromkeys(found.frame("subgroups")["covariate"]))
    return f"Scores in strata of {listed(names)}, with intervals: the table Scores in subgroups." if names else ""


def comparisons(content: PaperContent) -> str:
    """The results of the declared tests."""
    return _sections(content, lambda found: "; ".join(statistics.results_of(found)))


def operating(content: PaperContent) -> str:
    """Sensitivity and specificity at the chosen threshold."""

    def words(found: SectionTables) -> str:
        rows = found.frame("operating").to_dict("records")
        return "; ".join(
            f"{r['arm']}: sensitivity {r['sensitivity']:.3f}, specificity {r['specificity']:.3f}" for r in rows
        )

    return _sections(content, words)


def controls(content: PaperContent) -> str:
    """The controls and their verdicts."""
    return _sections(content, lambda found: "; ".join(statistics.control_lines(found)))


def robustness(content: PaperContent) -> str:
    """Whether trained networks were tested on corrupted scans."""
    return "Scores on corrupted scans: the report, Robustness." if content.has_rows("stress") else ""


def internal(content: PaperContent) -> str:
    """Evaluation on people of the same data set."""
    own = [found for found in content.tables if not found.section.external]
    return data.per_section(content, [(found, " ".join(data.splits(content, found))) for found in own])


def external(content: PaperContent) -> str:
    """Evaluation on another data set."""
    other = [found for found in content.tables if found.section.external]
    return data.per_section(content, [(found, " ".join(data.splits(content, found))) for found in other])


def sites(content: PaperContent) -> str:
    """Scores on sites that were left out."""
    left_out = [found.section.name for found in content.tables if found.section.data.split == "site"]
    return f"Each site was left out in turn: {listed(left_out)}." if left_out else ""


def limits(content: PaperContent) -> str:
    """What the report warns of."""
    return _sections(content, lambda found: " ".join(cautions(found)))


def packages(content: PaperContent) -> str:
    """The software with its versions."""
    return " ".join(software.software(content))


def repetition(content: PaperContent) -> str:
    """The code and the commands that repeat the study."""
    return " ".join([*software.code(content), "Commands: methods.md, Runs and software."])


def weights(content: PaperContent) -> str:
    """Whether the weights of trained networks were kept."""
    return software.weights(content)


def runs(content: PaperContent) -> str:
    """How many runs were done."""
    return " ".join(software.run_sentences(content))
