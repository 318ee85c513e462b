"""The site of all studies: what is compared and what is not, what the feed says, and that it works as plain files."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from synthetic_results import AGE, ArmSpec, DataSetSpec, store_plan, write

from bench.core import BenchError, Recipe
from bench.report import index
from bench.report.site.atom_feed import as_atom
from bench.report.site.state_changes import CODE, GONE, NEW, VERDICT, Change, changes
from bench.storage.record_store import Store

BASE = [0.70, 0.75, 0.65, 0.72, 0.68]
BETTER = [0.76, 0.80, 0.71, 0.77, 0.74]
NS = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture(autouse=True)
def _pages_alone(tmp_path, monkeypatch):
    """The reports of the studies are not built: other tests do that, and their figures take time."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(index, "build", lambda name, root, data: root / name / "report.html")


def study(root: Path, name: str = "toy", new=BETTER, code: str = "a" * 20, data=None, **plan):
    """A finished study of three arms whose records say when and by what code they were made."""
    arms = {
        "base": ArmSpec(scores=BASE),
        "new": ArmSpec(scores=new),
        "chance": ArmSpec(scores=[0.5] * 5, family="floor"),
    }
    plan = write(root, arms, data or [DataSetSpec("scans")], study=name, floors=["chance"], **plan)
    store = Store(root)
    for key in {cell.key for cell in plan.cells}:
        record, kept = store.get(key), store.predictions(key)
        made = {
            "code": {"sources": code, "commit": "c0ffee00" * 5, "changed": False},
            "started": "2026-01-02T03:04:05Z",
        }
        shutil.rmtree(store.folder(key))
        store.put(replace(record, provenance={**record.provenance, **made}), kept)
    return plan


def entries(root: Path) -> list[tuple[str, str]]:
    """(title, text) of the entries of the feed, newest first."""
    feed = ElementTree.parse(root / "feed.xml").getroot()
    return [(e.findtext("a:title", "", NS), e.findtext("a:content", "", NS)) for e in feed.findall("a:entry", NS)]


def board(root: Path) -> str:
    return (root / "leaderboard.html").read_text()


def test_the_page_says_when_a_study_was_run_under_which_protocol_and_by_which_code(tmp_path):
    study(tmp_path)
    page, faults = index.build_all(tmp_path)
    text = page.read_text()
    assert faults == 0
    assert "<dt>Last trial</dt><dd>2026-01-02</dd>" in text
    assert "<dt>Protocol</dt><dd>2</dd>" in text
    assert "<dt>Code</dt><dd>aaaaaaaa, commit c0ffee00</dd>" in text
    assert "new is better than base in AUC" in text


def test_a_new_study_is_told_once_and_nothing_more_while_nothing_changes(tmp_path):
    study(tmp_path)
    index.build_all(tmp_path)
    first = (tmp_path / "feed.xml").read_text()
    index.build_all(tmp_path)
    assert (tmp_path / "feed.xml").read_text() == first
    assert [title for title, _ in entries(tmp_path)] == [f"toy: {NEW}"]


def test_other_code_and_another_verdict_are_told_with_the_size_of_the_difference(tmp_path):
    study(tmp_path)
    index.build_all(tmp_path)
    shutil.rmtree(tmp_path / "trials")
    study(tmp_path, new=BASE, code="b" * 20)
    index.build_all(tmp_path)
    told = dict(entries(tmp_path))
    assert set(told) == {f"toy: {NEW}", f"toy: {VERDICT}", f"toy: {CODE}"}
    assert "15 trials of the same key by other code: aaaaaaaa before, bbbbbbbb now." in told[f"toy: {CODE}"]
    assert "5 of 15 scores differ, by at most 0.06." in told[f"toy: {CODE}"]
    assert "Before: 2 of 2" in told[f"toy: {VERDICT}"]
    assert "new is better than base in AUC" in told[f"toy: {VERDICT}"].partition("Before: ")[2]


def test_other_results_can_be_compared_with_and_are_told_once(tmp_path):
    study(tmp_path / "old")
    study(tmp_path / "now", code="b" * 20)
    for _ in range(2):
        index.build_all(tmp_path / "now", since=tmp_path / "old")
    (title, text), *more = entries(tmp_path / "now")
    assert (title, more) == (f"toy: {CODE}", [])
    assert "All 15 scores are the same." in text
    with pytest.raises(BenchError, match="no study can be read"):
        index.build_all(tmp_path / "now", since=tmp_path / "nowhere")


def test_a_study_that_is_removed_is_told():
    state = {"question": "?", "verdict": ["A."], "state": "", "trials": {}}
    assert [(one.kind, one.study) for one in changes({"a": state, "b": state}, {"a": state})] == [(GONE, "b")]


def test_arms_of_two_studies_on_the_same_scans_share_a_table_and_a_shared_arm_stands_once(tmp_path):
    study(tmp_path, "one")
    study(tmp_path, "two")
    index.build_all(tmp_path)
    text = board(tmp_path)
    assert len(re.findall(r'id="table-board-\d+"', text)) == 1
    assert text.count('<th scope="row" class="word">new</th>') == 1
    assert "one, two" in text or "one and two" in text
    order = re.findall(r'<th scope="row" class="word">([^<]+)</th>', text)
    assert order == ["new", "base [reference]", "chance [floor]"]


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": Recipe(steps=7)},
        {"data": [DataSetSpec("others")]},
        {"seeds": 2},
    ],
    ids=["budget", "data set", "seeds"],
)
def test_what_is_not_comparable_stands_in_another_table(tmp_path, other):
    study(tmp_path, "one")
    study(tmp_path, "two", new=BETTER * other.get("seeds", 1), **other)
    index.build_all(tmp_path)
    assert len(re.findall(r'id="table-board-\d+"', board(tmp_path))) == 2


def test_methods_are_ranked_over_data_sets_and_never_averaged(tmp_path):
    study(tmp_path, "one", data=[DataSetSpec("scans"), DataSetSpec("others")])
    index.build_all(tmp_path)
    text = board(tmp_path)
    ranked = text[text.index('id="table-ranks-real-2"') :]
    assert re.findall(r'<th scope="row" class="word">([^<]+)</th>', ranked)[:3] == ["new", "base", "chance"]
    assert re.findall(r"<td>([\d.]+)</td>", ranked)[:3] == ["1.00", "1.0", "1.0"]


def test_one_data_set_gives_no_ranking_and_the_page_says_why(tmp_path):
    study(tmp_path)
    index.build_all(tmp_path)
    assert "No ranking over data sets: it needs 3 methods" in board(tmp_path)


def test_errors_are_ordered_from_the_smallest(tmp_path):
    arms = {"small": ArmSpec(scores=[4.0] * 5), "large": ArmSpec(scores=[9.0] * 5)}
    write(tmp_path, arms, [DataSetSpec("ages", AGE)])
    index.build_all(tmp_path)
    order = re.findall(r'<th scope="row" class="word">([^<]+)</th>', board(tmp_path))
    assert order == ["small [reference]", "large"]


def test_the_feed_is_atom_as_the_standard_asks():
    feed_id = "6f1d3f0e-8f8c-4f0e-9d7c-1f2e3d4c5b6a"
    told = [Change(NEW, "a <b>", "x & y", "2026-01-02T00:00:00Z"), Change(GONE, "c", "z", "2026-02-02T00:00:00Z")]
    root = ElementTree.fromstring(as_atom(told, feed_id, "2026-01-01T00:00:00Z"))
    assert root.tag == "{http://www.w3.org/2005/Atom}feed"
    assert root.findtext("a:updated", "", NS) == "2026-02-02T00:00:00Z"
    assert root.findtext("a:author/a:name", "", NS) == "dclse-bench"
    found = root.findall("a:entry", NS)
    assert [entry.findtext("a:title", "", NS) for entry in found] == ["c: study removed", "a <b>: new study"]
    for part in (root, *found):
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", part.findtext("a:id", "", NS))
        datetime.fromisoformat(part.findtext("a:updated", "", NS))
    assert len({part.findtext("a:id", "", NS) for part in (root, *found)}) == 3
    assert [entry.find("a:link", NS).get("href") for entry in found] == ["index.html", "a%20%3Cb%3E/report.html"]


def test_a_damaged_history_is_refused_with_what_to_do(tmp_path):
    study(tmp_path)
    (tmp_path / "site.json").write_text("{")
    with pytest.raises(BenchError, match=r"site\.json cannot be read.*Delete it"):
        index.build_all(tmp_path)


def test_no_page_names_a_person(tmp_path):
    plan = study(tmp_path)
    store_plan(tmp_path, replace(plan, question="Does it help sub-0042 of the clinic?"))
    index.build_all(tmp_path)
    written = [tmp_path / name for name in ("index.html", "leaderboard.html", "feed.xml", "site.json")]
    assert not any("sub-0042" in path.read_text() for path in written if path.exists())


def test_what_is_stored_of_a_trial_is_its_code_state_and_score(tmp_path):
    study(tmp_path)
    index.build_all(tmp_path)
    trials = json.loads((tmp_path / "site.json").read_text())["studies"]["toy"]["trials"]
    assert len(trials) == 15
    assert {tuple(sorted(trial)) for trial in trials.values()} == {("code", "score", "status")}
    assert sorted(trial["score"] for trial in trials.values()) == pytest.approx(sorted([*BASE, *BETTER, *[0.5] * 5]))
