"""No file of a report shows a name, a birth date, a header's text or a folder, wherever it occurs."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

from bench import report
from bench.core import BenchError, paths
from bench.report import figures, report_manifest, tables
from bench.storage import anonymise, machine_names
from bench.storage.alias_salt import salt_mark
from bench.storage.anonymise import ProtectedNames, alias, clean
from bench.storage.record_store import Store

HEADER = "DOE^JANE ward 7"
PLANTED = ["/home/bob/oasis", "sub-OAS10001", "1950-02-03", "03.02.1950", "19500203", "sub-SCANS0003", HEADER]
STATISTICIANS = (
    "Altman Bengio Bland Brier Clopper DeLong DerSimonian Friedman Grey Han Hartung Hei Holm Knapp Laird McNemar Nadeau"
    " Benjamini Hochberg Nemenyi Pearson Ray Satterthwaite Smithson Welch Wilson Youden"
)
SURNAMES = frozenset(STATISTICIANS.split())
MACHINE = ["wardserver7", "annabell", "7654321", "10.11.12.13", "gpunode5"]
LOST = "pid: 7654321\tip: 10.11.12.13:6379 on wardserver7.hospital.org, wardserver7 and gpunode5, annabell"
LOST += " in /home/annabell"
YEAR = r"(?<!\d)(?<!0\.)1950"  # not among the decimals of a number
PRIVATE = re.compile("|".join([YEAR, *map(re.escape, ["bob", "OAS1", "SCANS0", "DOE", "JANE", *MACHINE])]))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A study with something of everything planted wherever a text from outside can stand; its folder."""
    index = {"ids": ["sub-OAS10001"], "groups": ["OAS1", *SURNAMES], "covariates": {"note": [HEADER]}}
    arms = {
        "base": ArmSpec(scores=[0.70, 0.75, 0.65, 0.72, 0.68]),
        "new 1950-02-03": ArmSpec(scores=[0.76, 0.80, 0.71, 0.77, 0.74], view_note=" ".join(PLANTED)),
        "like sub-SCANS0003": ArmSpec(
            failed={2: f"cannot read /home/bob/oasis/sub-OAS10001_T1w.nii.gz of {HEADER} and Wilson; {LOST}"}
        ),
        f"as {HEADER}": ArmSpec(refused=f"born {' or '.join(PLANTED)}"),
    }
    planted = " ".join(PLANTED)
    notes = [f"left out: {planted}"]
    question = f"Is it so in {planted}?"
    command = f"bench run --study toy --set root={planted}"
    cards = {"datasets": {"scans": {"about": planted, "licence": planted}}, "methods": {}, "curricula": {}}
    root = tmp_path_factory.mktemp("results")
    write(root, arms, [DataSetSpec("scans")], notes=notes, question=question, command=command, cards=cards)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BENCH_DATA", str(root / "data"))
        patched.setattr("bench.report.protected_names._prepared", lambda name, params: (index, {}))
        patched.setattr("platform.node", lambda: "wardserver7.hospital.org")
        patched.setattr("getpass.getuser", lambda: "annabell")
        patched.setattr("bench.report.tables.results.DatasetResults.nodes", {"gpunode5"})
        machine_names._own_names.cache_clear()
        folder = report.build("toy", root).parent
    machine_names._own_names.cache_clear()
    return folder


def test_no_file_shows_what_was_planted(planted):
    files = [path for path in planted.rglob("*") if path.is_file() and path.name != "plan.json"]
    assert {path.suffix for path in files} == {".html", ".md", ".tex", ".csv", ".json", ".svg", ".pdf", ".png"}
    for path in files:
        assert not PRIVATE.search(path.name)
        if path.suffix in (".pdf", ".png"):
            assert not PRIVATE.search(path.read_bytes().decode("latin-1"))
            continue
        text = anonymise.readable(path.name, path.read_text())
        assert not PRIVATE.search(text), (path.name, PRIVATE.search(text))
        assert str(planted.parent) not in text


def test_a_surname_stands_in_sentences_of_the_report_and_in_no_text_from_outside(planted):
    text = (planted / "report.md").read_text()
    assert "with the interval of Wilson" in text
    assert "the correction of Nadeau and Bengio" in text
    message = pd.read_csv(planted / "failures.csv")["message"]
    assert message.str.contains("cannot read").any()
    assert not message.str.contains("Wilson").any()


def test_a_person_with_the_surname_of_a_statistician_is_hidden_and_refused():
    known = ProtectedNames(SURNAMES)
    assert ProtectedNames(frozenset({"Wilson", "Smithson"})).clean("failed on Wilson and on Smithson") == (
        "failed on (a scan) and on (a scan)"
    )
    for name in SURNAMES:
        assert known.clean(f"failed on {name}") == "failed on (a scan)"
        assert known.tidy(f"{name}'s scan") == "(a scan)'s scan"
        assert known.faults("report.md", f"row {name} 12")


def _sentences(folder):
    """The texts in the code of a folder, docstrings left out; what an f-string fills in stands as `p 0`."""
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text())
        within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "p 0" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within | documents:
                yield node.value


def test_every_sentence_of_the_reports_that_names_a_statistician_is_listed():
    known = ProtectedNames(SURNAMES)
    texts = [text for package in (report, tables, figures) for text in _sentences(Path(package.__file__).parent)]
    naming = [text for text in texts if any(re.search(rf"\b{name}\b", text) for name in SURNAMES)]
    assert len(naming) > 15
    unlisted = [text for text in naming if known.faults("report.md", text)]
    assert unlisted == [], "list the words around the surname among the sentences of bench.storage.anonymise"


def test_what_is_hidden_depends_on_no_source_file(tmp_path):
    """Only the listed words decide, not comments or the location of the files."""
    home = Path(anonymise.__file__).resolve()
    package = next(folder for folder in home.parents if folder.name == "bench")
    copy = tmp_path / "bench"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*.py"):
        path.write_text(path.read_text() + "# thanks to Smithson\n")
    for path in copy.rglob("*.html"):
        path.write_text(path.read_text() + "<!-- Smithson -->\n")
    code = (
        f"from {anonymise.__name__} import ProtectedNames; import bench; print(bench.__file__);"
        "known = ProtectedNames(frozenset({'Smithson'}));"
        "print(known.clean('of Smithson'), len(known.faults('report.md', 'row Smithson 12')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines() == [str(copy / "__init__.py"), "of (a scan) 1"]


def test_the_listed_words_hold_no_surname_of_a_statistician():
    assert ProtectedNames(SURNAMES | {"table", "Folds", "balanced_accuracy"}).names == SURNAMES


def test_what_a_page_hands_out_shows_it_neither(planted):
    import base64

    packed = re.findall(r"data:[\w/+-]+;charset=utf-8;base64,([\w+/=]+)", (planted / "report.html").read_text())
    assert packed
    assert not PRIVATE.search("".join(base64.b64decode(each).decode() for each in packed))


def test_people_stand_in_predictions_as_salted_hashes(planted, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(planted.parent / "data"))
    frame = pd.read_csv(planted / "predictions.csv", dtype=str)
    assert frame["id"].str.fullmatch("[0-9a-f]{16}").all()
    values = alias("scans", "sub-SCANS0000")
    assert values in set(frame["id"])
    assert frame.groupby("arm")["id"].nunique().eq(100).any()  # nobody is lost, nobody is two


def test_the_salt_stays_with_the_data_and_changes_every_name(tmp_path, monkeypatch):
    one = alias("scans", "sub-01")
    salt = paths.data_root() / "salt"
    assert salt.stat().st_mode & 0o777 == 0o600
    assert alias("scans", "sub-01") == one
    assert alias("other", "sub-01") != one
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "elsewhere"))
    assert alias("scans", "sub-01") != one
    assert salt.read_bytes() not in Path(tmp_path / "elsewhere" / "salt").read_bytes()


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("report.html", "<td>/home/bob/x.nii</td>", "folder"),
        ("report.html", "<td>C:\\Users\\bob\\x</td>", "folder"),
        ("tables.tex", r"\textbf{a} /mnt/scans/x", "folder"),
        ("tables.tex", r"C:\textbackslash{}Users\textbackslash{}bob", "folder"),
        ("report.md", r"sub\-x /data/a\_b/c", "folder"),
        ("manifest.json", '{"a": "C:\\\\Users\\\\bob"}', "folder"),
        ("scores.csv", "arm,score\nborn 19500203,0.5\n", "date"),
        ("report.md", "born 3 Feb 1950", "date"),
        ("report.md", "born 02/03/1950", "date"),
        ("report.html", "DOE&#94;JANE", "index"),
        ("tables.tex", r"DOE\textasciicircum{}JANE", "index"),
        ("predictions.csv", "id\nP00123\n", "index"),
        ("P00123-scores.svg", "<svg/>", "index"),
        ("report.md", "sub-0001", "person"),
        ("report.md", "x_T1w.nii.gz", "person"),
    ],
)
def test_the_lint_refuses(name, text, fault):
    with pytest.raises(BenchError, match=f"{name} is not written.*{fault}"):
        ProtectedNames(frozenset({"DOE^JANE", "P00123"})).checked(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "report.html",
            '<svg xmlns="http://www.w3.org/2000/svg"><path d="M 19500203.5 1950 L 10 20"/></svg></td></tr>',
        ),
        (
            "report.html",
            "<a href='data:text/csv;charset=utf-8;base64,+/home/bob/P00123=='>axial/sagittal</a> 3/5 1/2/2",
        ),
        ("tables.tex", r"\par\smallskip{\footnotesize a\_b} \\ \toprule\midrule 3/5"),
        ("scores.csv", "arm,parameters\nbase,20101024\nnew,20101024.0\n"),
        ("report.md", "Protocol 1, 1000 steps, version 2.10.1, https://sites.wustl.edu/oasisbrains/home/"),
    ],
)
def test_the_check_accepts_text_without_names(name, text):
    assert ProtectedNames(frozenset({"P00123", "table", "1000", "F"})).checked(name, text) == text


def test_the_lint_reads_large_files_in_no_time():
    """A run of 200,000 letters, and 20,000 names: what is quadratic in either would take hours."""
    names = frozenset(f"P-{number}^X" for number in range(20_000))
    start = time.process_time()
    text = "a1.b-" * 40_000 + " 0.123,-0.456 P-20001^X" * 10_000
    assert ProtectedNames(names).faults("report.html", text) == []
    assert ProtectedNames(names).faults("report.html", f"{text} P-19999^X")
    assert time.process_time() - start < 10


def test_a_text_is_cleaned_whatever_the_names_look_like():
    names = {"DOE^JANE", "P00123", "07", "F"}
    assert clean("P00123, DOE^JANE (F, 07) of /a/b/c.txt", names) == "(a scan), (a scan) (F, 07) of …/c.txt"


def test_arms_that_differ_in_a_name_only_are_refused(tmp_path):
    write(tmp_path, {"like sub-01": ArmSpec(), "like sub-02": ArmSpec()})
    with pytest.raises(BenchError, match="rename one of them"):
        report.read("toy", tmp_path)


def test_the_manifest_matches_the_schema_and_lists_every_record(planted):
    entry = json.loads((planted / "manifest.json").read_text())
    assert entry["alias_salt"] == salt_mark(planted.parent / "data")
    schema = json.loads(report_manifest.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(entry, schema, jsonschema.Draft202012Validator)
    store = Store(planted.parent)
    assert len(entry["trials"]) == 20
    for trial in entry["trials"]:
        assert trial["record_sha256"] == store.mark(trial["key"])
    assert entry["state"] == {"planned": 20, "done": 14, "failed": 1, "refused": 5, "open": 0, "damaged": 0}
    assert [(split["fold"], split["test_groups"]) for split in entry["splits"]] == [(fold, 20) for fold in range(5)]
    assert len({split["test_sha256"] for split in entry["splits"]}) == 5
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**entry, "folder": "/home"}, schema, jsonschema.Draft202012Validator)
