"""Published checkpoints become safetensors files: every wrapping and layout, and nothing in a file is run."""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from command_line import run_command
from published_files import prefixed, resnet3d, some
from safetensors.torch import load_file, save_file
from torch import nn

from bench.core import BenchError, Task
from bench.weights.weights_conversion import convert, inspect

TWO = Task("classification", "auc", ("a", "b"))
STATE = some({"a.weight": (3, 2), "a.bias": (3,)})
OPTIMISER = {"state": {0: {"exp_avg": torch.ones(3, 2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
WRAPPINGS = {
    "plain": STATE,
    "state_dict": {"state_dict": STATE, "epoch": 3},
    "parallel": {"state_dict": prefixed(STATE, "module.")},
    "compiled and parallel": prefixed(STATE, "module._orig_mod."),
    "lightning": {
        "pytorch-lightning_version": "2.0",
        "state_dict": STATE,
        "optimizer_states": [OPTIMISER],
        "loops": {},
    },
    "simclr": {"epoch": 9, "model_state_dict": STATE, "optimizer_state_dict": OPTIMISER},
    "model": {"model": STATE, "optimizer": OPTIMISER, "scaler": {"scale": 1.0}},
    "teacher": {"teacher": STATE, "student": some({"other": (2,)}), "optimizer": OPTIMISER},
    "nested": {"model": {"state_dict": STATE}},
    "nnU-Net": {"network_weights": STATE, "optimizer_state": OPTIMISER, "current_epoch": 5},
    "views of one memory": {
        "a.weight": STATE["a.weight"].T.contiguous().T,
        "a.bias": torch.cat([STATE["a.bias"]] * 2)[:3],
    },
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_usual_wrapping_gives_the_same_file(wrapping, written, tmp_path):
    out = tmp_path / "out.safetensors"
    inspected, checksum = convert(written(WRAPPINGS[wrapping]), out)
    assert {name: value.tolist() for name, value in load_file(out).items()} == {
        name: value.tolist() for name, value in STATE.items()
    }
    assert len(checksum) == 64
    assert inspected.layout is None
    assert "layout: not recognised" in " ".join(inspected.lines())


def test_the_same_source_gives_the_same_bytes(written, tmp_path):
    source = written(STATE)
    first, second = (convert(source, tmp_path / f"{at}.safetensors")[1] for at in range(2))
    assert first == second


def test_an_old_file_without_an_archive_is_read(tmp_path):
    path = tmp_path / "old.pth"
    torch.save({"state_dict": STATE}, path, _use_new_zipfile_serialization=False)
    assert set(inspect(path).tensors) == set(STATE)


def test_a_key_chooses_among_several_networks(written):
    path = written({"first": STATE, "second": some({"b": (2,)})})
    with pytest.raises(BenchError, match="tensors under several keys: first, second; choose one with --key"):
        inspect(path)
    assert set(inspect(path, "second").tensors) == {"b"}
    with pytest.raises(BenchError, match="no key 'third'; it has first, second"):
        inspect(path, "third")


class Harm:
    """A pickle that writes a file where it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


class Config:
    """An object beside the tensors, as older Lightning files have."""


def test_code_in_a_file_is_not_run_and_the_object_is_named(tmp_path, capsys, monkeypatch):
    target, path = tmp_path / "harmed", tmp_path / "harm.pth"
    torch.save({"state_dict": STATE, "hyper_parameters": Harm(target)}, path)
    status, text = run_command(capsys, monkeypatch, "weights", "show", str(path))
    assert status == 2
    assert len(text.strip().splitlines()) == 1
    assert "mkdir" in text
    assert not target.exists()
    path.write_bytes(pickle.dumps(Harm(target)))
    assert run_command(capsys, monkeypatch, "weights", "show", str(path))[0] == 2
    assert not target.exists()


def test_objects_of_older_files_are_named_with_what_to_do(written):
    says = (
        r"holds .*Config beside its tensors, and reading that can run code; where you trust the file, save its tensors"
    )
    with pytest.raises(BenchError, match=says):
        inspect(written({"state_dict": STATE, "hyper_parameters": Config()}))


def test_a_whole_pickled_network_is_refused_by_the_name_of_its_class(written):
    with pytest.raises(BenchError, match=r"holds a whole network \(torch\.nn\.modules\.linear\.Linear\)"):
        inspect(written(nn.Linear(2, 2)))


def damaged() -> dict[str, bytes]:
    buffer = io.BytesIO()
    torch.save({"state_dict": STATE}, buffer)
    whole = buffer.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("other.txt", "no weights")
    return {
        "empty": b"",
        "text": b"<html>404: not found</html>",
        "cut": whole[: len(whole) // 2],
        "start": whole[:100],
        "zeros": bytes(500),
        "other archive": archive.getvalue(),
        "changed": whole.replace(b"state_dict", b"\xff\xfe\x00\x01\x02\x03\x04\x05\x06\x07"),
        "pickle of a list": pickle.dumps([1, 2, 3]),
        "deep": pickle.dumps(None)[:-1] + b"]" * 2000 + b".",
    }


@pytest.mark.parametrize("kind", damaged())
def test_a_damaged_or_hostile_file_ends_with_one_line(kind, tmp_path, capsys, monkeypatch):
    path = tmp_path / "published.pth"
    path.write_bytes(damaged()[kind])
    out = tmp_path / "out.safetensors"
    status, text = run_command(capsys, monkeypatch, "weights", "convert", str(path), "--out", str(out))
    assert status == 2
    assert len(text.strip().splitlines()) == 1
    assert "internal error" not in text
    assert "published.pth" in text
    assert not out.exists()


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], 7, {"a": {"b": "text"}}])
def test_a_file_without_tensors_says_what_it_holds(content, written):
    with pytest.raises(BenchError, match=r"published\.pth (holds|has)"):
        inspect(written(content))


def test_torchscript_is_read_on_request_only(tmp_path):
    path = tmp_path / "scripted.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's, for programs that write such files
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), str(path))
    with pytest.raises(BenchError, match="TorchScript archive, and reading it runs code of the file"):
        inspect(path)
    assert set(inspect(path, run_torchscript=True).tensors) == {"weight", "bias"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("convert", "{file}"), "needs --out"),
        (("convert", "{file}", "--out", "x.pth"), "must end in .safetensors"),
        (("convert", "{file}", "--out", "{taken}"), "exists; choose another name"),
        (("convert", "{file}", "--out", "{none}"), "no folder"),
        (("konvert", "{file}"), "did you mean 'convert'?"),
        (("show", "none.pth"), "no file none.pth"),
    ],
)
def test_mistakes_are_said(words, says, written, tmp_path, capsys, monkeypatch):
    taken = tmp_path / "taken.safetensors"
    save_file({"a": torch.ones(1)}, taken)
    places = {"file": written(STATE), "taken": taken, "none": tmp_path / "none" / "x.safetensors"}
    status, text = run_command(capsys, monkeypatch, "weights", *(word.format(**places) for word in words))
    assert status == 2
    assert says in text


def test_the_command_prints_checksum_layout_and_the_arm(tmp_path, capsys, monkeypatch):
    source, out = tmp_path / "resnet.pth", tmp_path / "out.safetensors"
    torch.save({"state_dict": prefixed(resnet3d(), "module."), "optimizer": OPTIMISER}, source)
    status, text = run_command(capsys, monkeypatch, "weights", "convert", str(source), "--out", str(out))
    assert status == 0
    lines = text.splitlines()
    assert "under state_dict / module." in lines[0]
    assert "left out: optimizer" in text
    assert "layout: MedicalNet (3D ResNet)" in text
    (arm,) = [line for line in lines if line.startswith("arm: Arm(")]
    name, params = json.loads("[" + arm.removeprefix("arm: Arm(").removesuffix(")") + "]")
    assert (name, params["network"]) == ("monai3d", "resnet10")
    assert params["options"] == {"bias_downsample": False, "conv1_t_stride": 2}
    assert f"SHA-256 of out.safetensors: {params['checksum']}" in text
