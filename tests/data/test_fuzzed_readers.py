"""Whatever bytes a scan or a table holds, reading gives what is there or one of the errors that it declares.

The cases are the same on every run. Each is a whole file in which some fields, cells or bytes are others.
"""

from __future__ import annotations

import gzip
import itertools
import tempfile
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.core import BenchError, Sample
from bench.data.readers.bids import scans
from bench.data.readers.nifti import read_scan
from bench.data.readers.voxel_grids import LIMIT

FIXED = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
NUMBERS = [0, 1, -1, 2, 3, 4, 5, 7, 8, 16, 64, 127, 128, 255, 348, 352, 400, 540, 544, 1024, 32767, -32768, 65535]
NUMBERS += [2**31 - 1, -(2**31), 2**63 - 1, 0.5, 1e-30, 1e30, 3.4e38, 1e300, float("nan"), float("inf"), float("-inf")]
CELLS = [
    "",
    "n/a",
    "sub-1",
    "sub-2",
    "sub-9",
    "1",
    "ses-1",
    "ses-../x",
    "..",
    "60",
    "-1",
    "inf",
    "1e400",
    "nan",
    "0x1f",
]
CELLS += ['"', '"a', 'a"b', '"a\tb"', "\t", "\n", "\r", "\0", "\ufeff", "é", "1_0", "٣", " 5 ", "9" * 400, "x" * 300]
TABLE = "participant_id\tsession_id\tage\tsex\nsub-1\tses-1\t60\tF\nsub-1\tses-2\tn/a\tF\nsub-2\tses-1\t71.5\tM\n"
DAMAGE = ("cells", "rows", "delimiters", "encoding", "bytes")
PEOPLE = "participant_id\tsex\nsub-1\tF\nsub-2\tM\n"


@cache
def whole(kind: type, order: str, code: str) -> bytes:
    """A file as nibabel writes it: NIfTI-1 or 2, of either byte order."""
    dtype = np.dtype(order + code)
    array = np.arange(120, dtype=dtype).reshape(4, 5, 6)
    header = kind.header_class(endianness=order)
    return kind(array, np.diag([-2.0, 2.0, 2.0, 1.0]), header, dtype=dtype).to_bytes()


@st.composite
def scan_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """Name and bytes of a scan of which header, voxels or compression are spoilt a little, or not at all."""
    kind, order = draw(st.sampled_from([nib.Nifti1Image, nib.Nifti2Image])), draw(st.sampled_from("<>"))
    content = bytearray(whole(kind, order, draw(st.sampled_from(["u1", "i2", "f4", "f8"]))))
    fields = kind.header_class.template_dtype.newbyteorder(order).fields
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        dtype, at = fields[name][:2]
        content[at : at + dtype.itemsize] = draw(field_bytes(dtype, bytes(content[at : at + dtype.itemsize])))
    content = draw(spoilt(content, 3))
    name = draw(st.sampled_from(["a.nii", "a.nii.gz"]))
    if name == "a.nii":
        return name, bytes(content)
    return name, bytes(draw(spoilt(bytearray(gzip.compress(bytes(content), 6, mtime=0)), 2)))


@st.composite
def field_bytes(draw: st.DrawFn, dtype: np.dtype, before: bytes) -> bytes:
    """Other bytes of a field: random ones, or a number that is likely to be wrong in one of its places."""
    if dtype.base.kind == "S" or draw(st.booleans()):
        return draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    values = np.frombuffer(before, dtype.base).copy()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        number = np.float64(draw(st.sampled_from(NUMBERS)))
        values[draw(st.integers(0, len(values) - 1))] = number.astype(dtype.base)
    return values.tobytes()


@st.composite
def spoilt(draw: st.DrawFn, content: bytearray, most: int) -> bytearray:
    """Some bytes are others, and perhaps the end is missing or there is more."""
    for _ in range(draw(st.sampled_from([0, *range(most + 1)])) if content else 0):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    end = draw(st.sampled_from(["whole"] * 10 + ["cut", "more"]))
    if end == "cut":
        del content[draw(st.integers(0, len(content))) :]
    return content + draw(st.binary(max_size=40)) if end == "more" else content


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, bytes | None]:
    """sessions.tsv and participants.tsv, or None, each whole or with up to two kinds of damage."""
    sessions = draw(damaged_table(TABLE))
    return sessions, draw(damaged_table(PEOPLE)) if draw(st.integers(0, 2)) == 2 else None


@st.composite
def damaged_table(draw: st.DrawFn, text: str) -> bytes:
    """A table in which some cells, rows, delimiters or bytes are others, or none are."""
    damage = draw(st.sampled_from([()] * 14 + [("cells",)] * 8 + list(itertools.combinations(DAMAGE, 2))))
    grid = [line.split("\t") for line in text.splitlines()]
    for _ in range(draw(st.integers(1, 2)) if "cells" in damage else 0):
        cells = draw(st.sampled_from(grid))
        cells[draw(st.integers(0, len(cells) - 1))] = draw(st.sampled_from(CELLS) | st.text(max_size=5))
    if "rows" in damage:
        grid.insert(draw(st.integers(0, len(grid))), list(draw(st.sampled_from(grid))))
    between = draw(st.sampled_from(",; |")) if "delimiters" in damage else "\t"
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    encoding = (
        draw(st.sampled_from(["utf-8-sig", "utf-16", "utf-16-be", "latin-1"])) if "encoding" in damage else "utf-8"
    )
    joined = end.join(between.join(cells) for cells in grid) + end
    content = bytearray(joined.encode(encoding, "replace"))
    return bytes(draw(spoilt(content, 1)) if "bytes" in damage else content)


@dataclass
class CaseCounts:
    """How many cases were read and how many refused: a test of nothing but refusals would be no test."""

    read: int = 0
    refused: int = 0


def check_scan(case: tuple[str, bytes], counts: CaseCounts) -> None:
    """Voxels as nibabel has them, or an error of those declared that names the file; memory within its bounds."""
    name, content = case
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        tracemalloc.start()
        scan, fault = outcome(lambda: read_scan(path), (ValueError, OSError))
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken < LIMIT + (1 << 24)
        if scan is None:
            assert name in fault
            assert len(name) + 10 < len(fault) < 1000
            counts.refused += 1
            return
        counts.read += 1
        assert scan.image.dtype in (np.uint8, np.float32)
        assert all(np.isfinite(step) and step > 0 for step in scan.spacing)
        np.testing.assert_array_equal(scan.image[0], as_nibabel_reads(path))


def outcome(call: Callable, declared: type | tuple[type, ...]) -> tuple:
    """What it gives, or None and what it says where it fails as it declares."""
    try:
        return call(), ""
    except declared as error:
        return None, str(error)


def as_nibabel_reads(path: Path) -> np.ndarray:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        image = nib.as_closest_canonical(nib.load(path))
        return image.get_fdata().astype(np.float32).reshape(image.shape[:3])


def check_tables(case: tuple[bytes, bytes | None], counts: CaseCounts) -> None:
    """Rows with finite ages of people that the tables name, or a BenchError with a message of a readable length."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "sub-1").mkdir()
        (root / "sessions.tsv").write_bytes(case[0])
        if case[1] is not None:
            (root / "participants.tsv").write_bytes(case[1])
        samples, fault = outcome(lambda: samples_of(root), BenchError)
    if samples is None:
        assert 20 < len(fault) < 1000
        counts.refused += 1
        return
    counts.read += 1
    assert all(np.isfinite(sample.target) for sample in samples)
    assert len({sample.id for sample in samples}) == len(samples)
    assert all(sample.files[0].is_relative_to(root / sample.group) for sample in samples)
    assert all(sample.group.startswith("sub-") for sample in samples)


def samples_of(root: Path) -> list[Sample]:
    rows = scans(root, ("age", "sex"), "a BIDS tree")
    return [row.sample(row.number("age") or 0.0, "any", ("age", "sex")) for row in rows]


def run(cases: st.SearchStrategy, check: Callable, number: int) -> CaseCounts:
    """Check that many cases, the same every time."""
    counts = CaseCounts()

    @settings(max_examples=number, **FIXED)
    @given(cases)
    def each(case: tuple) -> None:
        check(case, counts)

    each()
    return counts


@pytest.mark.parametrize("number", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_scan_of_any_bytes_is_read_as_nibabel_reads_it_or_refused_in_words(number):
    counts = run(scan_files(), check_scan, number)
    assert min(counts.read, counts.refused) > number / 20


@pytest.mark.parametrize("number", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_table_of_any_bytes_is_read_or_refused_in_words(number):
    counts = run(tables(), check_tables, number)
    assert min(counts.read, counts.refused) > number / 20  # ids that differ from the folder's are refused too
