"""Views computed once, normalisation learnt on rows, parts that know their rows only."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data import loader
from bench.data.loader import Normaliser, Part, shuffled_batches, view_array
from bench.views import Dynamic, Slice, Volume

SPACING = (2.0, 2.0, 2.0)


@dataclass(frozen=True)
class Scans:
    """What `view_array` asks of a prepared data set."""

    array: np.ndarray
    fingerprint: str = "f"
    name: str = "some"
    spacing: tuple[float, ...] = SPACING

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape[1:]

    def images(self) -> np.ndarray:
        return self.array


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))


def prepared(dtype: type = np.uint8, n: int = 7, fingerprint: str = "f") -> Scans:
    array = np.random.default_rng(0).integers(0, 256, (n, 2, 6, 8, 4)).astype(dtype)
    array.flags.writeable = False
    return Scans(array, fingerprint)


def stored() -> list[Path]:
    return sorted(path for path in (loader.paths.data_root() / "views").iterdir() if path.suffix != ".seal")


def _view_of(_: int) -> np.ndarray:
    return np.array(view_array(prepared(n=40), Dynamic()))


def test_a_view_that_keeps_scans_as_they_are_stores_nothing() -> None:
    scans = prepared()
    assert view_array(scans, Volume()) is scans.array
    assert not (loader.paths.data_root() / "views").exists()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float16])
@pytest.mark.parametrize("chunk", [1, 500, 10**6])
def test_the_views_of_all_scans_are_stored_once(dtype: type, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "CHUNK", chunk)
    scans, view, values = prepared(dtype), Slice("coronal"), []
    array = view_array(scans, view, lambda done, total: values.append((done, total)))
    assert isinstance(array, np.memmap)
    assert array.dtype == np.float32
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, scans.array[:, :, :, 4])
    assert values[-1] == (7, 7)
    (path,) = stored()
    made = path.stat().st_mtime_ns
    view_array(scans, view, lambda done, total: pytest.fail("it was computed again"))
    assert path.stat().st_mtime_ns == made


def test_another_view_or_other_scans_are_stored_apart() -> None:
    for fingerprint, view in [("f", Slice()), ("g", Slice()), ("f", Slice(position=0.25)), ("f", Dynamic())]:
        view_array(prepared(fingerprint=fingerprint), view)
    assert len(stored()) == 4


def test_where_the_data_may_only_be_read_views_go_to_the_users_own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(loader.paths.os, "access", lambda path, mode: tmp_path / "data" not in (path, *path.parents))
    view_array(prepared(), Slice())
    assert len(list((tmp_path / "cache" / "dclse-bench" / "views").glob("*.npy"))) == 1
    assert list((tmp_path / "data").iterdir()) == []


def test_nothing_half_written_is_left_or_read() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        view_array(prepared(), Slice(), stop)
    assert stored() == []


def test_processes_may_compute_the_same_view_at_once() -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        first, second = pool.map(_view_of, range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, Dynamic()(torch.from_numpy(prepared(n=40).array.copy()), SPACING))
    assert len(stored()) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_normalisation_is_learnt_on_the_given_rows_alone(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "CHUNK", 8 * 400)  # a scan at a time
    array = np.random.default_rng(2).integers(0, 200, (9, 3, 5, 4, 6)).astype(dtype)
    array[:, 1] //= 9
    array[:, 2] = 4
    rows = np.array([0, 3, 4, 8])
    learnt = Normaliser.fit(array, rows)
    array[[1, 2, 5, 6, 7]] = 255
    assert Normaliser.fit(array, rows) == learnt
    part = array[rows].astype(np.float64)
    np.testing.assert_allclose(learnt.mean, part.mean((0, 2, 3, 4)), rtol=1e-12)
    np.testing.assert_allclose(learnt.deviation, [part[:, 0].std(), part[:, 1].std(), 1.0], rtol=1e-12)
    x = learnt(torch.from_numpy(array[rows]))
    assert x.dtype == torch.float32
    np.testing.assert_allclose(x.mean((0, 2, 3, 4)), 0, atol=1e-6)
    np.testing.assert_allclose(x.std((0, 2, 3, 4), correction=0), [1, 1, 0], atol=1e-6)


def test_a_large_offset_does_not_spoil_the_deviation() -> None:
    array = (1e6 + np.random.default_rng(0).normal(size=(4, 1, 50))).astype(np.float32)
    learnt = Normaliser.fit(array, np.arange(4))
    np.testing.assert_allclose(learnt.deviation, array.astype(np.float64).std(), rtol=1e-9)


def test_none_changes_no_number() -> None:
    x = torch.rand(2, 3, 4, 5)
    assert torch.equal(Normaliser.none(3)(x), x)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_where_the_memory_of_the_device_ends_a_part_is_read_from_the_map(
    dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    array, rows, y = prepared(dtype).array, np.array([6, 1, 4]), np.array([2, 0, 1])
    normaliser = Normaliser.fit(array, rows)
    expected = normaliser(torch.from_numpy(array[rows]))
    whole = torch.Tensor.to

    def full(self: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        if self.shape == expected.shape:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "to", full)
        part = Part(array, rows, y, normaliser, "cpu")
    assert part._scans is None
    assert torch.equal(part.take(np.array([0, 1, 2]))[0], expected)


@pytest.mark.parametrize("memory_limit", [0, 2**30], ids=["read from the map", "held"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float16])
def test_a_part_gives_its_scans_normalised_and_in_order(
    dtype: type, memory_limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "MEMORY_LIMIT", memory_limit)
    np.save(tmp_path / "x.npy", prepared(dtype).array)
    array = np.load(tmp_path / "x.npy", mmap_mode="r")
    rows, y = np.array([6, 1, 4]), np.array([2, 0, 1])
    normaliser = Normaliser.fit(array, rows)
    expected = normaliser(torch.from_numpy(array[rows]))
    part = Part(array, rows, y, normaliser, "cpu")
    positions, xs, ys = zip(*part.batches(2), strict=True)
    assert [len(one) for one in positions] == [2, 1]
    assert np.concatenate(positions).tolist() == [0, 1, 2]
    assert torch.equal(torch.cat(xs), expected)
    assert torch.cat(ys).tolist() == [2, 0, 1]
    x, y = part.take(np.array([2, 0]))
    assert torch.equal(x, expected[[2, 0]])
    assert x.dtype == torch.float32
    assert x.is_contiguous()
    assert (y.dtype, y.tolist()) == (torch.int64, [1, 2])
    x.zero_()
    assert torch.equal(part.take(np.array([2]))[0], expected[[2]])


def test_targets_are_classes_numbers_or_masks() -> None:
    array, rows = prepared().array, np.array([0, 1])
    plain = Normaliser.none(2)
    assert Part(array, rows, np.array([61.5, 70.0]), plain).take(np.array([1]))[1].dtype == torch.float32
    masks = np.ones((2, 6, 8, 4), np.uint8)
    y = Part(array, rows, masks, plain).take(np.array([1]))[1]
    assert (y.dtype, tuple(y.shape)) == (torch.int64, (1, 6, 8, 4))


def test_a_part_in_memory_has_no_other_rows() -> None:
    array = prepared().array
    part = Part(array, np.array([2]), np.array([0]), Normaliser.none(2))
    assert not any(value is array for value in vars(part).values())
    assert part.take(np.array([0]))[0].shape[0] == len(part) == 1
    with pytest.raises(IndexError):
        part.take(np.array([1]))
    with pytest.raises(ValueError, match="1 targets for 2 scans"):
        Part(array, np.array([2, 3]), np.array([0]), Normaliser.none(2))


def test_every_epoch_is_reshuffled_into_full_batches() -> None:
    batches = list(islice(shuffled_batches(7, 3, np.random.default_rng(0)), 200))
    assert {len(batch) for batch in batches} == {3}
    epochs = [np.concatenate(batches[at : at + 2]) for at in range(0, 200, 2)]
    assert all(len(set(epoch.tolist())) == 6 for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) > 90
    assert set(np.concatenate(epochs).tolist()) == set(range(7))
    again = list(islice(shuffled_batches(7, 3, np.random.default_rng(0)), 200))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_a_part_smaller_than_a_batch_is_one_batch() -> None:
    assert [sorted(batch) for batch in islice(shuffled_batches(3, 8, np.random.default_rng(0)), 2)] == [[0, 1, 2]] * 2
    with pytest.raises(ValueError, match="no scans"):
        next(shuffled_batches(0, 8, np.random.default_rng(0)))
