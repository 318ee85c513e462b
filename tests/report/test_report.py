"""The report: whole, self-contained, true about what is missing, silent about machines and people."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from rich.console import Console
from synthetic_results import AGE, ArmSpec, DataSetSpec, write

from bench import report
from bench.core import BenchError
from bench.report import tables
from bench.report.conclusions import answer, answers, cautions
from bench.storage.record_store import Store

BASE = [0.70, 0.75, 0.65, 0.72, 0.68]
BETTER = [0.76, 0.80, 0.71, 0.77, 0.74]
ARMS = {
    "base": ArmSpec(scores=BASE),
    "floor": ArmSpec(scores=[0.71] * 5, family="floor"),
    "new <b>": ArmSpec(scores=BETTER, view_note="the encoding is skipped"),
    "bad": ArmSpec(failed={2: "cannot read /home/bob/oasis/sub-OAS10001_T1w.nii.gz"}),
    "gone": ArmSpec(missing=range(5)),
}
PLAN = {
    "floors": ["floor"],
    "again": ["base", "base (A/A)"],
    "random_labels": {"arm": "floor", "permutations": 20},
    "contrasts": [["new <b>", "base"], ["bad", "base"], ["gone", "base"]],
    "notes": ["scans: 2 scans could not be read and are left out"],
}
DATA = [DataSetSpec("scans"), DataSetSpec("made", phantom=True, stand_in_for="absent")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write(root, ARMS, DATA, **PLAN)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BENCH_DATA", str(root.parent / "data"))
        patched.setattr("bench.report.figures.style.FORMATS", ("svg",))
        return report.build("toy", root)


def frames_of(root, arms, data, **plan):
    return tables.section_tables(tables.gather(write(root, arms, data, **plan), Store(root)))


class Outline(HTMLParser):
    """What a page opens and closes, and its names."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_everything_is_written(built):
    names = {path.name for path in built.parent.iterdir()}
    kinds = ("scores", "contrasts", "controls", "failures", "predictions")
    assert {"report.html", "report.md", "tables.tex", "figures"} <= names
    assert {f"{kind}{end}.csv" for kind in kinds for end in ("", "_phantom")} <= names
    figures = {path.name for path in (built.parent / "figures").iterdir()}
    drawn = ("scores", "roc", "precision-recall", "confusion", "reliability", "contrasts", "pareto")
    assert figures == {f"{data}-{kind}.svg" for data in ("scans", "made") for kind in drawn}


def test_every_figure_is_there_as_pdf_svg_and_png(two_arms):
    figures = {path.name for path in (two_arms / "results" / "toy" / "figures").iterdir()}
    stems = {name.partition(".")[0] for name in figures}
    assert {"scans-scores", "scans-roc", "scans-contrasts"} <= stems
    assert figures == {f"{stem}.{end}" for stem in stems for end in ("pdf", "svg", "png")}


def test_the_page_is_well_formed_and_needs_nothing_else(built):
    outline = Outline()
    page = built.read_text()
    outline.feed(page)
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    assert [attrs for tag, attrs in outline.tags if tag == "script"] == [{}]
    refers = [
        value for _, attrs in outline.tags for name, value in attrs.items() if name in ("src", "href", "xlink:href")
    ]
    assert all(value[1:] in outline.ids for value in refers if value.startswith("#"))
    assert {value.partition(":")[0] for value in refers if not value.startswith("#")} == {"data"}
    assert "@import" not in page
    assert "url(http" not in page
    assert "new &lt;b&gt;" in page


def test_the_policy_of_the_page_allows_its_own_script_and_nothing_else(built):
    page = built.read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"
    assert {"connect-src", "font-src", "frame-src"}.isdisjoint(rules)  # none, by default


def test_the_downloads_of_the_page_equal_the_files_next_to_it(built):
    links = re.findall(r'href="data:[\w/+-]+;charset=utf-8;base64,([\w+/=]+)" download="([^"]+)"', built.read_text())
    handed = {name: base64.b64decode(packed).decode() for packed, name in links}
    beside = {path.name: path.read_text() for path in built.parent.glob("*.*") if path.suffix != ".html"}
    beside.pop("plan.json")
    assert {name: handed[name] for name in beside} == beside
    table = pd.read_csv(io.StringIO(handed["scans-scores.csv"]))
    assert table["Arm"].tolist() == ["base [reference]", "floor [floor]", "new <b>", "bad", "gone"]
    assert handed["scans-scores.tex"].count(r"\toprule") == 1
    assert handed["scans-scores.md"].startswith("| Arm |")


def test_the_page_names_no_folder_and_no_person(built):
    page, csv = built.read_text(), (built.parent / "failures.csv").read_text()
    for text in (page, csv, (built.parent / "report.md").read_text(), (built.parent / "tables.tex").read_text()):
        assert "bob" not in text
        assert "/home" not in text
        assert "OAS1" not in text
        assert not re.search(r"sub-(SCANS|MADE)\d+", text)
    assert str(built.parent.parent) not in page


def test_real_and_phantom_numbers_never_share_a_file(built):
    for name in ("scores", "contrasts", "controls", "predictions"):
        assert set(pd.read_csv(built.parent / f"{name}.csv")["data"]) == {"scans"}
        assert set(pd.read_csv(built.parent / f"{name}_phantom.csv")["data"]) == {"made"}


def test_the_sections_are_present_and_the_stand_in_is_announced(built):
    page = built.read_text()
    for heading in (
        "Answer",
        "Comparisons",
        "Cost",
        "All metrics",
        "Controls",
        "Audit of the selection",
        "What was run",
    ):
        assert f">{heading}<" in page
    for words in (
        "Failures",
        "How to read it",
        "scans (real data)",
        "made (phantom)",
        "Stand-in: absent was not at hand",
    ):
        assert words in page
    assert "bench run --study toy" in page
    assert "2 scans could not be read and are left out" in page
    assert "the encoding is skipped" in page


def test_the_answers_claim_no_more_than_the_contrasts(tmp_path):
    found = frames_of(tmp_path, ARMS, [replace(made, people=400) for made in DATA], **PLAN)[0]
    better, partial, untested = answers(found)
    assert better.startswith("new <b> scored 0.056 higher than base in AUC, on average over 5 folds (95 % interval")
    assert better.endswith("new <b> is better.")
    assert partial.endswith("Not final: 4 of 5 folds.")
    assert untested == "gone against base was not tested: no fold has both arms."


def test_an_answer_about_errors_says_which_way_is_better(tmp_path):
    arms = {"base": ArmSpec(scores=[8.0, 8.5, 7.5, 8.2, 7.8]), "new": ArmSpec(scores=[6.0, 6.4, 5.6, 6.3, 5.7])}
    found = frames_of(tmp_path, arms, [DataSetSpec("age", AGE)])[0]
    words = answer(found.section, found.contrasts.to_dict("records")[0])
    assert words.startswith("new scored 2.00 years lower than base in MAE, lower being better,")
    assert words.endswith("new is better.")


def test_an_answer_without_a_difference_says_what_would_have_been_missed(tmp_path):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BASE[::-1])}
    found = frames_of(tmp_path, arms, [DataSetSpec()])[0]
    words = answer(found.section, found.contrasts.to_dict("records")[0])
    assert "new scored as base did in AUC" in words
    size = found.contrasts.iloc[0]["detectable"]
    assert words.endswith(
        f"no difference is shown; a true one smaller than about {size:.3f} would probably have been missed."
    )


def test_cautions_come_before_answers_are_believed(tmp_path):
    real, phantom = frames_of(tmp_path, ARMS, DATA, **PLAN)
    assert any(words.startswith("Not complete: bad and gone") for words in cautions(real))
    assert any("base is no better than the floor floor (0.710)" in words for words in cautions(real))
    assert cautions(phantom)[0].startswith("Stand-in")


def test_runs_on_different_devices_are_reported(tmp_path):
    found = frames_of(tmp_path, {"base": ArmSpec(), "new": ArmSpec(device="cuda")}, [DataSetSpec()])[0]
    assert any(
        words.startswith("Unlike runs: 5 runs in bf16 on cuda and 5 runs in fp32 on cpu") for words in cautions(found)
    )


def test_damaged_records_count_as_open_and_are_reported(two_arms_copy, one_format):
    path = next((two_arms_copy / "trials").glob("*/predictions.npz"))
    path.write_bytes(path.read_bytes()[:-5])
    text = report.build("toy", two_arms_copy).with_name("report.md").read_text()
    assert f"1 records are not what was written ({path.parent.name})" in text


def test_building_twice_gives_the_same_bytes(two_arms_copy):
    def contents():
        files = [path for path in (two_arms_copy / "toy").rglob("*") if path.is_file() and path.name[0] != "."]
        return {path.relative_to(two_arms_copy): path.read_bytes() for path in files}

    before = contents()
    assert {path.suffix for path in before} == {".csv", ".html", ".json", ".md", ".pdf", ".png", ".svg", ".tex"}
    report.build("toy", two_arms_copy)
    assert contents() == before


def test_the_terminal_shows_scores_verdicts_and_controls(built):
    console = Console(width=140, file=io.StringIO())
    console.print(report.terminal_table("toy", built.parent.parent))
    text = console.file.getvalue()
    for words in ("scans (real data)", "made (phantom)", "base [reference]", "4/5 (1 failed)", "better", "A/A (base)"):
        assert words in text


def test_a_study_that_was_not_run_stops(tmp_path):
    with pytest.raises(BenchError, match="has not been run here"):
        report.build("absent", tmp_path)


def test_every_figure_stands_with_its_caption_in_the_page_and_in_markdown(built):
    page, text = built.read_text(), (built.parent / "report.md").read_text()
    for kind in ("roc", "precision-recall", "confusion", "reliability", "pareto"):
        assert f"figures/scans-{kind}.png" in text
    for words in ("averaged vertically; models are never pooled", "Bins of equal width"):
        assert words in page
        assert words in text
    assert page.count("<figcaption") == 2 * 5


def test_no_label_is_a_tag_in_markdown(built):
    words = re.sub(r"`[^`]*`", "", (built.parent / "report.md").read_text().replace("\\<", "").replace("```", ""))
    assert "<b>" not in re.sub(r"(?m)^bench .*$", "", words)
