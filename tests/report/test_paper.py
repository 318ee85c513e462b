"""Documents for a paper: whole, true, silent about people, and open where the run knows nothing."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from statistics import fmean

import pytest
from command_line import run_command
from synthetic_results import ArmSpec, DataSetSpec, write

import bench
from bench import registry, report
from bench.core import BenchError
from bench.data.prepare import prepare
from bench.report import paper
from bench.report.paper.cited_works import cited_texts, free_work, known_works
from bench.report.paper.prepared_summary import prepared_summary
from bench.report.tables.number_format import NOTHING
from bench.storage.anonymise import ProtectedNames

STORED = Path(__file__).parents[1] / "golden" / "study.tar.xz"
FILES = ("methods.md", "tripod-ai.md", "claim-2024.md", "metrics-reloaded.md", "data-card.md", "model-card.md")
BASE, NEW = [0.70, 0.75, 0.65, 0.72, 0.68], [0.76, 0.80, 0.71, 0.77, 0.74]
ARMS = {
    "base": ArmSpec(scores=BASE),
    "floor": ArmSpec(scores=[0.71] * 5, family="floor", covariates=["age"]),
    "new <b>": ArmSpec(scores=NEW, view_note="sub-AD_TOY0001 was skipped"),
    "bad": ArmSpec(failed={2: "cannot read /home/bob/oasis/sub-OAS10001_T1w.nii.gz"}),
}
PLAN = {
    "floors": ["floor"],
    "contrasts": [["new <b>", "base"], ["bad", "base"]],
    "notes": ["ad_toy: 2 scans of /home/bob/oasis could not be read and are left out"],
}
TRIPOD = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Results of a study that never ran, and of one that is stored."""
    root = tmp_path_factory.mktemp("results")
    write(root, ARMS, [DataSetSpec()], **PLAN)
    with tarfile.open(STORED) as archive:
        archive.extractall(root, filter="data")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BENCH_DATA", str(root.parent / "data"))
        yield root


@pytest.fixture(scope="module")
def toy(root):
    return texts(paper.build("toy", root))


@pytest.fixture(scope="module", params=["toy", "stored"])
def written(request, root):
    return texts(paper.build(request.param, root))


def entries(text: str) -> dict[str, dict[str, str]]:
    """The entries of a bibliography, read sign by sign: key -> fields. ValueError where braces do not match."""
    found, at = {}, 0
    while (start := text.find("@", at)) >= 0:
        opened = text.index("{", start)
        at = _closing(text, opened)
        key, _, body = text[opened + 1 : at].partition(",")
        if key in found:
            raise ValueError(f"{key} is there twice")
        found[key], place = {}, 0
        while (equal := body.find("=", place)) >= 0:
            begin = body.index("{", equal)
            end = _closing(body, begin)
            found[key][body[place:equal].strip(" ,\n")] = body[begin + 1 : end]
            place = end + 1
    return found


def _closing(text: str, opened: int, depth: int = 0) -> int:
    for at in range(opened, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if not depth:
            return at
    raise ValueError("a brace is not closed")


def cited(documents: dict[str, str]) -> set[str]:
    return {
        key for text in documents.values() for each in re.findall(r"\[@([^\]]+)\]", text) for key in each.split("; @")
    }


def rows(text: str) -> list[list[str]]:
    """The rows of all tables whose first cell is a number of a checklist."""
    cells = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.splitlines() if line.startswith("| ")]
    return [row for row in cells if re.fullmatch(r"\d+[a-g]?", row[0])]


def test_every_document_is_written_and_nothing_else(written):
    assert set(written) == {*FILES, "references.bib"}


def test_every_citation_has_one_entry_and_every_entry_is_cited(written):
    bibliography = entries(written.pop("references.bib"))
    assert bibliography
    assert set(bibliography) == cited(written)
    assert all({"title", "note"} & set(fields) for fields in bibliography.values())


def test_a_bibliography_that_is_broken_would_be_noticed():
    for text in ("@misc{a,\n note = {x},\n", "@misc{a,\n}\n@misc{a,\n}\n"):
        with pytest.raises(ValueError, match=r"not closed|twice"):
            entries(text)


@pytest.mark.parametrize(
    ("file", "numbers"),
    [
        ("tripod-ai.md", [f"{n}{part}" for n in range(1, 28) for part in TRIPOD.get(n, [""])]),
        ("claim-2024.md", [str(n) for n in range(1, 45)]),
    ],
)
def test_a_checklist_has_every_item_once_and_counts_them_at_the_top(written, file, numbers):
    found = rows(written[file])
    assert [row[0] for row in found] == numbers
    states = [row[2] for row in found]
    filled, partly, left = (states.count(state) for state in ("filled", "filled in part", "open"))
    assert filled + partly + left == len(numbers)
    top = f"{len(numbers)} items: {filled} filled, {partly} filled in part, {left} open for the authors."
    assert written[file].splitlines()[2].startswith(top)


def test_what_no_run_can_know_is_open(written):
    tripod = {row[0]: row for row in rows(written["tripod-ai.md"])}
    claim = {row[0]: row for row in rows(written["claim-2024.md"])}
    for each in [tripod[number] for number in ("3c", "17", "18a", "18b", "19")] + [claim[n] for n in ("5", "11", "44")]:
        assert each[2:] == ["open", NOTHING, "all of it"]
    for name in ("data-card.md", "model-card.md"):
        assert "intended use" in written[name].split("### Open, for the authors")[1]


def test_an_item_that_is_open_has_no_words_and_one_that_is_filled_has_some(written):
    for row in [*rows(written["tripod-ai.md"]), *rows(written["claim-2024.md"])]:
        assert (row[3] == NOTHING) == (row[2] == "open")
        assert (row[4] == NOTHING) == (row[2] == "filled")


def test_numbers_are_those_of_the_records(toy):
    assert "100 scans of 100 people" in toy["methods.md"]
    assert "Scans in a fold: 64 for training, 16 for validation, 20 for test." in toy["data-card.md"]
    card = toy["model-card.md"].split("## new")[1].split("\n## ")[0]
    assert re.search(rf"Score: AUC {fmean(NEW):.3f} \\\[0\.\d+, 0\.\d+\], 5 of 5 runs", card)
    assert f"base: +{fmean(NEW) - fmean(BASE):.3f}" in card
    assert "19 of 20 runs done, 1 failed" in toy["methods.md"]
    assert "0 failed" not in toy["tripod-ai.md"]


def test_methods_name_the_arms_the_test_and_what_is_absent(toy):
    text = toy["methods.md"]
    assert "it reads age and no scan" in text
    assert "Welch and Satterthwaite [@welch1947; @satterthwaite1946]" in text
    assert "2 primary tests of the study" in text
    assert "[@holm1979]" in text
    assert "not part of this study: a method against itself, random labels and a planted leak" in text
    assert "youden" not in text.lower()
    assert "schuirmann" not in toy["references.bib"]


def test_versions_that_ran_are_in_the_text_and_in_the_references(toy):
    assert "PyTorch 2.13.0 [@paszke2019]" in toy["methods.md"]
    assert entries(toy["references.bib"])["paszke2019"]["note"] == "version 2.13.0"


def test_data_sets_that_are_not_prepared_here_are_called_unknown(toy):
    assert "Not prepared on this machine" in toy["data-card.md"]
    assert {row[0]: row[2] for row in rows(toy["tripod-ai.md"])}["20b"] == "open"


def test_no_document_names_a_person_or_a_folder(toy):
    assert "2 scans of …/oasis could not be read" in toy["methods.md"]
    for text in toy.values():
        assert not re.search(r"bob|/home|OAS1|sub-", text)


def test_nothing_is_written_if_a_document_would_name_a_person(root, monkeypatch, tmp_path):
    plan = {**PLAN, "question": "Is sub-AD_TOY0001 older?"}
    write(tmp_path, ARMS, [DataSetSpec()], **plan)
    monkeypatch.setattr(ProtectedNames, "tidy", lambda self, word: word)
    monkeypatch.setattr("bench.report.protected_names.anonymise", lambda results, protected: results)
    with pytest.raises(BenchError, match=r"methods.md is not written: it would show .* a name of a person"):
        paper.build("toy", tmp_path)
    assert not (tmp_path / "toy" / "paper").exists()


def test_an_author_with_the_name_of_a_person_of_the_data_is_hidden():
    protected = ProtectedNames(frozenset({"Holm", "Pedregosa"}))
    for key, name in (("holm1979", "Holm"), ("pedregosa2011", "Pedregosa")):
        text = known_works()[key].bibtex(protected.tidy)
        assert name not in protected.checked("references.bib", text)
        assert set(entries(text)) == {key}


def test_the_same_manifest_gives_the_same_bytes(root, toy, tmp_path):
    write(tmp_path, ARMS, [DataSetSpec()], **PLAN)
    assert texts(paper.build("toy", tmp_path)) == toy
    assert texts(paper.build("toy", root)) == toy


def test_numbers_of_the_tables_are_those_of_the_report(root, toy):
    scores = report.read("toy", root).tables[0].scores
    for entry in scores.to_dict("records"):
        if entry["score"] == entry["score"]:
            assert f"AUC {entry['score']:.3f} \\[{entry['low']:.3f}, {entry['high']:.3f}]" in toy["claim-2024.md"]


def test_the_command_and_the_function_write_the_same(root, toy, capsys, monkeypatch):
    monkeypatch.setenv("BENCH_RESULTS", str(root))
    status, text = run_command(capsys, monkeypatch, "paper", "toy")
    assert status == 0
    assert [Path(line).name for line in text.splitlines()] == sorted(toy)
    assert texts(bench.paper("toy", results=root)) == toy
    status, text = run_command(capsys, monkeypatch, "paper", "--study", "nowhere")
    assert status == 2
    assert "nowhere" in text


def test_known_works_are_read_whole():
    text = (Path(bench.__file__).parent / "templates" / "works.bib").read_text("utf-8")
    works, found = known_works(), entries(text)
    assert list(works) == list(found)
    for key, work in works.items():
        rest = {name: value for name, value in found[key].items() if name not in ("mentioned", "package")}
        assert work.fields == rest
        assert entries(work.bibtex()) == {key: rest}
        assert re.fullmatch(r"10\.\d{4,9}/\S+", work.fields.get("doi", "10.1000/x"))


@pytest.mark.parametrize(
    ("kind", "name", "words", "fields"),
    [
        ("methods", "sfcn", "Peng et al., Medical Image Analysis 68:101871, 2021", {"year": "2021"}),
        ("methods", "linear", "Wen et al., Medical Image Analysis 63, 2020", {"year": "2020"}),
        ("methods", "voxelmorph", "Balakrishnan et al., IEEE TMI 38, 2019 (doi:10.1109/TMI.2019.2897538)",
         {"year": "2019", "doi": "10.1109/TMI.2019.2897538"}),
        ("curricula", "lerac", "Croitoru et al., Learning rate curriculum, IJCV 2024, arXiv 2205.09180",
         {"year": "2024", "eprint": "2205.09180"}),
        ("curricula", "low_frequency_crop", "Wang et al., EfficientTrain: exploring generalized curriculum learning for"
         " training visual backbones, ICCV 2023", {"year": "2023"}),
    ],
)  # fmt: skip
def test_a_source_in_a_docstring_becomes_an_entry(kind, name, words, fields):
    about = [" ".join(part.split()) for part in registry.describe(kind, name)["about"].split("\n\n")]
    assert words in cited_texts(about)
    work = free_work(words, name, ())
    assert {field: work.fields.get(field) for field in fields} == fields
    assert work.key == re.match(r"\w+", words)[0].lower() + fields["year"]


def test_the_sources_of_all_members_make_one_bibliography():
    taken, text = dict(known_works()), ""
    for kind in ("datasets", "methods", "curricula"):
        for name in registry.names(kind):
            entry = registry.describe(kind, name)
            about = [" ".join(part.split()) for part in entry["about"].split("\n\n")]
            for words in [*([entry["citation"]] if entry.get("citation") else []), *cited_texts(about)]:
                work = free_work(words, name, taken)
                taken[work.key] = work
                text += work.bibtex()
    found = entries(text)
    assert len(found) == len(taken) - len(known_works())
    assert found["marcus2007"]["doi"] == "10.1162/jocn.2007.19.9.1498"
    assert found["fonov2009"]["doi"] == "10.1016/S1053-8119(09)70884-5"
    assert len(found) > 40


def test_signs_of_latex_are_escaped_and_braces_stay_balanced():
    work = free_work("Smith & Sons_{a, 50 % #1, 2001", "x", ["smith2001"])
    assert work.key == "smith2001b"
    assert entries(work.bibtex())["smith2001b"]["note"] == r"Smith \& Sons\_(a, 50 \% \#1, 2001"


def test_a_preparation_is_summed_up_without_single_values():
    prepared = prepare("phantom_age", {"subjects": 6, "mm": 8.0})
    summary = prepared_summary("phantom_age", prepared.params, prepared.fingerprint)
    assert summary.counts["samples"] == 6
    assert summary.steps["spacing"]
    for name, known, words in summary.covariates:
        values = [value for value in prepared.covariates[name] if value is not None]
        assert known == len(values)
        if all(isinstance(value, float) for value in values):
            assert f"mean {fmean(values):.4g}," in words
        else:
            assert words.startswith(str(len(set(values)))) or words.startswith("mean")
    assert prepared_summary("phantom_age", prepared.params, "another") is None
