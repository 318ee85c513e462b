"""The CSV and LaTeX tables of a stored study stay as they are: three tasks, floors, refusals, a factor, controls.

`golden/study.tar.xz` holds its plan and records, `golden/study/` the tables made of them. Figures, page, Markdown and
manifest are not compared: they name the versions of libraries and of the code.
"""

from __future__ import annotations

import csv
import io
import sys
import tarfile
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from bench import cli

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = sorted(path.name for path in (GOLDEN / "study").iterdir())


def golden(name: str) -> str:
    return (GOLDEN / "study" / name).read_text()


def unpack(folder: Path) -> dict[str, str]:
    """Unpack the stored results and a data folder with a fixed salt; returns the environment variables for both."""
    with tarfile.open(GOLDEN / "study.tar.xz") as archive:
        archive.extractall(folder / "results", filter="data")
    (folder / "data").mkdir()
    (folder / "data" / "salt").write_text("0" * 64)  # of the aliases of scans and people in predictions.csv
    return {"BENCH_DATA": str(folder / "data"), "BENCH_RESULTS": str(folder / "results")}


def _save_empty(figure: Figure, to: Path | io.StringIO, **_: object) -> None:
    """Write an empty figure to a file, or into the text that the page has."""
    to.write("<svg></svg>") if isinstance(to, io.StringIO) else Path(to).write_text("<svg></svg>")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, str]:
    """File name -> text of all that `bench report` writes for the stored study; its figures are left empty."""
    folder = tmp_path_factory.mktemp("stored")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in unpack(folder).items():
            patch.setenv(name, value)
        patch.delenv("BENCH_PLUGINS", raising=False)
        patch.setattr(Figure, "savefig", _save_empty)
        patch.setattr(sys, "argv", ["bench", "report", "--study", "stored"])
        with pytest.raises(SystemExit, match=r"^0$"):
            cli.main()
    return {path.name: path.read_text() for path in (folder / "results" / "stored").iterdir() if path.is_file()}


def cells(text: str) -> list[list[object]]:
    """The cells of a CSV file, numbers as such."""
    return [[number(word) for word in row] for row in csv.reader(text.splitlines())]


def number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def near(row: list[object]) -> list[object]:
    """Numbers to twelve digits: the last bits of a sum depend on the processor."""
    return [pytest.approx(cell, rel=1e-12, abs=1e-15, nan_ok=True) if isinstance(cell, float) else cell for cell in row]


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".csv")])
def test_a_csv_table_of_the_stored_study_does_not_change(name, built):
    found, remaining = cells(built[name]), cells(golden(name))
    assert len(found) == len(remaining)
    for row, expected in zip(found, remaining, strict=True):
        assert row == near(expected)


def test_the_latex_tables_of_the_stored_study_do_not_change(built):
    assert built["tables.tex"] == golden("tables.tex")


def test_the_stored_study_has_the_same_tables(built):
    assert sorted(name for name in built if name.endswith((".csv", ".tex"))) == NAMES
