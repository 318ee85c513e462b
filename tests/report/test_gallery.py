"""The gallery: every view of a scan equals the view's output, and no person is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from typer.testing import CliRunner

from bench.cli import app
from bench.core import BenchError
from bench.data.prepare import prepare
from bench.report.figures import view_gallery
from bench.views import VIEWS


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA", str(tmp_path_factory.mktemp("data")))
        yield prepare("phantom_ad", {"subjects": 12})


def test_every_kind_of_view_of_one_picture_is_in_it():
    drawn = {view.kind_name for view in view_gallery.VIEWS.values()}
    assert drawn == set(VIEWS) - {"volume", "image"}


def test_a_picture_is_what_the_view_shows(prepared):
    rows = view_gallery.rows_to_draw(prepared, 2)
    assert {prepared.targets[row] for row in rows} == {0, 1}
    drawn = view_gallery.draw_gallery(prepared, rows)
    output = {axes.get_title(): axes.images[0].get_array() for axes in drawn.axes if axes.images}
    assert set(output) == set(view_gallery.VIEWS)
    scan = torch.from_numpy(np.array(prepared.images()[rows[1]], dtype=np.float32))[None]
    known = view_gallery.VIEWS["dynamic, coronal"](scan, prepared.spacing)[0, 0].numpy()
    known = (known - known.min()) / (known.max() - known.min())
    assert np.allclose(output["dynamic, coronal"], known.T[::-1], atol=1e-6)
    words = " ".join(text.get_text() for text in drawn.findobj(Text))
    assert "phantom" in words
    assert not [name for name in (*prepared.ids, *prepared.groups) if name in words]


def test_the_command_writes_three_files(prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(prepared.folder.parent.parent))
    done = CliRunner().invoke(
        app, ["gallery", "phantom_ad", "--set", "subjects=12", "--scans", "1", "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.iterdir()} == {f"gallery.{kind}" for kind in ("pdf", "svg", "png")}


def test_what_is_not_prepared_is_refused(tmp_path):
    for name, word in (("phantom_bt_mri", "is not prepared"), ("phantom_add", "did you mean")):
        done = CliRunner().invoke(app, ["gallery", name, "--out", str(tmp_path)])
        assert isinstance(done.exception, BenchError)
        assert word in str(done.exception)
