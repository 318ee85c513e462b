"""Files that are no weights, or not those of a network, are named as what they are."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from command_line import run_command
from published_files import some
from safetensors.torch import save_file
from torch import nn

from bench.core import BenchError
from bench.weights import carry_over, tensors
from bench.weights.published_layouts import LAYOUTS
from bench.weights.weights_conversion import convert, inspect

STATE = some({"a.weight": (3, 2), "a.bias": (3,)})
NAMES = {  # of each layout, those by which it is recognised and those that its arm reads
    "image_encoder.patch_embed.proj.weight": (4, 5),
    "image_encoder.pos_embed": (4,),
    "visual.trunk.patch_embed.proj.weight": (4,),
    "cls_token": (3,),
    "mask_token": (2,),
    "patch_embed.proj.weight": (4, 5),
    "0.weight": (4,),
    "4.0.conv1.weight": (4,),
    "backbone.0.conv0.weight": (4,),
    "conv1.weight": (4, 5),
    "layer1.0.conv1.weight": (4, 5),
    "features.conv0.weight": (4,),
    "features.0.weight": (4,),
    "classifier.0.weight": (2,),
    "encoder.conv1.weight": (5,),
    "encoder.layer1.0.conv1.weight": (5,),
    "patch_embedding.position_embeddings": (3,),
    "patch_embedding.patch_embeddings.weight": (2, 5),
    "blocks.0.mlp.linear1.weight": (2,),
    "swinViT.patch_embed.proj.weight": (5,),
    "swinViT.layers1.0.norm.weight": (1,),
    "init.0.weight": (5,),
    "tp_conv2.weight": (5,),
    "pre.0.weight": (4,),
    "conv2.weight": (4,),
    "stage7.residual.0.weight": (4,),
}


def zipped(**files: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as into:
        for name, content in files.items():
            into.writestr(name.replace("__", "."), content)
    return archive.getvalue()


def tar() -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as into:
        into.addfile(tarfile.TarInfo("weights.pth"))
    return archive.getvalue()


def numpy_archive() -> bytes:
    archive = io.BytesIO()
    np.savez(archive, a=np.ones(3))
    return archive.getvalue()


FOREIGN = {
    "empty": (b"", "is empty; download or copy it again"),
    "page": (b"\n<!DOCTYPE html><html>Sign in</html>", "is a web page, not weights; open its address in a browser"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "keras": (b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file"),
    "gzip": (gzip.compress(b"weights"), "decompress it first: gunzip"),
    "tar": (tar(), "is a TAR archive; unpack it"),
    "zip": (zipped(weights__pth=b"1", readme__txt=b"2"), r"ZIP archive of other files \(weights\.pth, readme\.txt\)"),
    "numpy": (numpy_archive(), "holds arrays of NumPy, not a network"),
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_of_another_kind_is_named_as_what_it_is(kind, suffix, tmp_path, capsys, monkeypatch):
    content, says = FOREIGN[kind]
    path = tmp_path / f"published{suffix}"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=says):
        inspect(path)
    if suffix == ".safetensors":
        with pytest.raises(BenchError, match=says):
            carry_over(nn.Linear(2, 3), path)
    assert run_command(capsys, monkeypatch, "weights", "show", str(path))[0] == 2


def test_a_safetensors_file_is_read_whatever_the_length_of_its_header_spells(tmp_path):
    for length in (0x3C, 0x88B1F):  # "<", as a page begins; the first bytes of gzip
        path = tmp_path / f"{length}.safetensors"
        header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(length)
        path.write_bytes(length.to_bytes(8, "little") + header + np.ones(1, "<f4").tobytes())
        assert tensors(path)["a"].tolist() == [1.0]


def test_a_link_without_content_and_a_folder_are_named(tmp_path):
    (tmp_path / "linked.safetensors").symlink_to(tmp_path / ".git/annex/objects/x/y")
    with pytest.raises(BenchError, match=r"linked\.safetensors is a link of git-annex .*datalad get"):
        inspect(tmp_path / "linked.safetensors")
    (tmp_path / "folder.pth").mkdir()
    with pytest.raises(BenchError, match=r"folder\.pth is a folder; give the file of weights in it"):
        inspect(tmp_path / "folder.pth")


def test_a_bit_that_changed_in_the_tensors_of_an_archive_is_found(tmp_path, written):
    path = written(STATE)
    with zipfile.ZipFile(path) as archive:
        values = next(each for each in archive.infolist() if each.filename.endswith("data/0"))
        content = archive.read(values)
    whole = bytearray(path.read_bytes())
    whole[bytes(whole).index(content)] ^= 1
    path.write_bytes(bytes(whole))
    with pytest.raises(BenchError, match="'0' does not have the checksum that the archive states; download"):
        inspect(path)


UNUSABLE = {
    "nan": (torch.tensor([1.0, float("nan"), float("inf")]), r"2 numbers that are not finite .*, in b"),
    "complex": (torch.ones(3, dtype=torch.complex64), "no network here reads: b is complex64"),
    "float8": (torch.ones(3).to(torch.float8_e4m3fn), "no network here reads: b is float8_e4m3fn"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_numbers_that_no_network_reads_are_shown_and_not_converted_or_carried_over(kind, tmp_path, written):
    tensor, says = UNUSABLE[kind]
    path, stored = written({**STATE, "b": tensor}), tmp_path / "stored.safetensors"
    assert "unusable: the file holds" in " ".join(inspect(path).lines())
    with pytest.raises(BenchError, match=f"{says}; nothing was written"):
        convert(path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
    save_file({"weight": torch.ones(3, 2), "b": tensor}, stored)
    with pytest.raises(BenchError, match=says):
        carry_over(nn.Linear(2, 3), stored)


def test_whole_numbers_in_the_place_of_fractions_are_refused_and_nothing_changes(tmp_path):
    model, path = nn.Linear(2, 3), tmp_path / "quantized.safetensors"
    before = model.weight.clone()
    save_file({"weight": torch.ones(3, 2, dtype=torch.int8), "bias": torch.ones(3)}, path)
    with pytest.raises(BenchError, match=r"quantized weights .*: weight is int8, not float32"):
        carry_over(model, path)
    assert torch.equal(model.weight, before)


def test_a_file_with_hardly_a_number_of_the_network_is_refused_and_nothing_changes(tmp_path):
    model, path = nn.Sequential(nn.Linear(30, 30), nn.Linear(30, 2)), tmp_path / "other.safetensors"
    save_file({"1.bias": torch.ones(2), "encoder.weight": torch.ones(31, 30)}, path)
    says = r"holds only 2 of the 992 numbers of this network, so it is of another network .* unused: encoder\.weight"
    with pytest.raises(BenchError, match=says):
        carry_over(model, path)
    assert not torch.equal(model[1].bias, torch.ones(2))


def test_negative_variances_are_refused(tmp_path):
    path = tmp_path / "norm.safetensors"
    save_file({**nn.BatchNorm1d(2).state_dict(), "running_var": torch.tensor([1.0, -1.0])}, path)
    with pytest.raises(BenchError, match="holds variances below 0: running_var"):
        carry_over(nn.BatchNorm1d(2), path)


def test_a_network_beside_a_counter_is_found_and_every_tensor_left_out_has_a_reason(written):
    quantized = torch.zeros(4, device="meta")
    inspected = inspect(written({"epoch": torch.tensor(3), "state_dict": {**STATE, "c": STATE["a.bias"].to_sparse()}}))
    assert set(inspected.tensors) == set(STATE)
    assert inspected.checkpoint.left_out == ("epoch", "c (sparse)")
    assert inspect(written({**STATE, "empty": quantized})).checkpoint.left_out == ("empty (without values)",)


def test_names_that_collide_or_are_reserved_are_refused(written, tmp_path):
    with pytest.raises(BenchError, match="two entries under one name"):
        inspect(written({1: torch.ones(1), "1": torch.zeros(1)}))
    with pytest.raises(BenchError, match="__metadata__, which safetensors reserves"):
        convert(written({"__metadata__": torch.ones(1)}), tmp_path / "out.safetensors")


def test_names_in_a_file_cannot_steer_the_terminal(written, capsys, monkeypatch):
    path = written({"a\x1b[2J": torch.ones(2), "b\nwritten: all.safetensors": torch.ones(2)})
    status, text = run_command(capsys, monkeypatch, "weights", "show", str(path))
    assert status == 0
    assert "\x1b" not in text
    assert r"a\x1b[2J" in text
    assert "\nwritten" not in text


def test_a_whole_network_is_refused_with_the_line_that_saves_its_tensors(written):
    with pytest.raises(BenchError, match=r"a whole network .*torch\.save\(c\.state_dict\(\), 'tensors\.pt'\)"):
        inspect(written(nn.Linear(2, 2)))


def test_show_writes_no_file(written, capsys, monkeypatch, tmp_path):
    status, text = run_command(
        capsys, monkeypatch, "weights", "show", str(written(STATE)), "--out", str(tmp_path / "o.safetensors")
    )
    assert status == 2
    assert "writes no file" in text


def test_names_of_a_published_network_with_other_shapes_never_break_the_command(tmp_path):
    for seed in range(60):
        rng = np.random.default_rng(seed)
        state = {"other.weight": torch.ones(2)}
        for name, usual in NAMES.items():
            if rng.random() < 0.6:
                ndim = int(rng.choice(usual)) if rng.random() < 0.7 else int(rng.integers(0, 6))
                state[name] = torch.zeros([int(size) for size in rng.integers(1, 4, ndim)])
        save_file(state, tmp_path / f"{seed}.safetensors")
        inspected = inspect(tmp_path / f"{seed}.safetensors")
        assert inspected.summary()["layout"] in (None, *(layout.name for layout in LAYOUTS)), seed
        assert inspected.lines()[0].startswith(str(tmp_path)), seed
