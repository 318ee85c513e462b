"""Published checkpoints become safetensors files: every wrapping and layout, and nothing in a file is run."""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from command_line import run_command
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bench.core import BenchError, Task
from bench.registry import make
from bench.weights import carried_by
from bench.weights.weights_conversion import convert, inspect

TWO = Task("classification", "auc", ("a", "b"))
RESNET = {"layer1.0.conv1.weight": (4, 4, 3, 3, 3), "conv1.weight": (4, 1, 7, 7, 7)}


def some(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Tensors of these shapes, each with values of its own."""
    rng = torch.Generator().manual_seed(0)
    return OrderedDict((name, torch.randn(shape, generator=rng)) for name, shape in shapes.items())


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return OrderedDict((prefix + name, value) for name, value in state.items())


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


@pytest.fixture
def written(tmp_path):
    def write(content: object, name: str = "published.pth") -> Path:
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return write


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
    with pytest.raises(BenchError, match=r"holds torch\.nn\.modules\.linear\.Linear beside its tensors"):
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
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's, for whoever writes such files
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


def resnet3d(**changed: object) -> dict[str, Tensor]:
    """The tensors of a 3D ResNet of MONAI with the names of a ResNet-10, and few channels."""
    from monai.networks.nets import ResNet

    values = {"spatial_dims": 3, "n_input_channels": 1, "bias_downsample": False, "feed_forward": False, **changed}
    return ResNet("basic", values.pop("layers", [1, 1, 1, 1]), [4, 8, 8, 8], **values).state_dict()


def resnet2d(**options: object) -> dict[str, Tensor]:
    import timm

    return timm.create_model("resnet18", **options).state_dict()


def names_of(name: str, params: dict, shape: tuple[int, ...]) -> set[str]:
    """The names of the parameters of a method's network, without those of its head."""
    model = make("methods", name, params).build(TWO, shape)
    return {key for key, _ in model.named_parameters() if not key.startswith(("fc.", "head."))}


CHILDREN = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def radimagenet() -> dict[str, Tensor]:
    state = {name: value for name, value in resnet2d().items() if not name.startswith("fc")}
    heads = ((name.partition("."), value) for name, value in state.items())
    return {f"backbone.{CHILDREN[head]}.{rest}": value[:1] for (head, _, rest), value in heads if value.ndim} | {
        "backbone.0.weight": state["conv1.weight"]
    }


def test_resnets_of_volumes_are_recognised_with_the_options_that_they_need(written):
    cases = {
        "3D-Neuro-SimCLR": (
            prefixed(resnet3d(layers=[2, 2, 2, 2]), "encoder.") | some({"projector.0.weight": (2, 2)}),
            {},
        ),
        "BrainIAC, version 1": (prefixed(resnet3d(), "backbone."), {}),
        "3D ResNet": (resnet3d(bias_downsample=True, feed_forward=True, num_classes=2), {}),
        "MedicalNet": (prefixed(resnet3d(shortcut_type="A"), "module."), {"shortcut_type": "A"}),
    }
    for name, (state, options) in cases.items():
        inspected = inspect(written({"model_state_dict": state}))
        assert inspected.layout.name.startswith(name)
        method, params = inspected.arm
        assert method == "monai3d"
        assert params["network"] == ("resnet18" if "SimCLR" in name else "resnet10")
        assert options.items() <= params.get("options", {}).items()
        assert {"conv1.weight", "layer4.0.conv2.weight"} <= set(inspected.tensors)
        assert not any(key.startswith("projector") for key in inspected.tensors)


def test_a_converted_resnet_of_volumes_is_the_one_that_was_published(tmp_path, written):
    state = resnet3d()
    convert(written({"state_dict": prefixed(state, "module.")}), tmp_path / "out.safetensors")
    assert {name: value.tolist() for name, value in load_file(tmp_path / "out.safetensors").items()} == {
        name: value.tolist() for name, value in state.items()
    }


def file_params(path: Path, out: Path) -> tuple[str, dict]:
    """Convert a checkpoint; the method and the parameters that the command prints."""
    inspected, checksum = convert(path, out)
    method, params = inspected.arm
    return method, {**params, "weights": str(out), "checksum": checksum}


def test_a_transformer_of_brainiac_begins_one_of_another_grid(written, tmp_path):
    from monai.networks.nets import ViT

    vit = ViT(1, (48, 48, 48), (16, 16, 16), hidden_size=64, mlp_dim=128, num_layers=2, num_heads=1)
    state = prefixed(vit.state_dict(), "backbone.") | some({"backbone.blocks.0.cross_attn.q.weight": (2, 2)})
    method, params = file_params(
        written({"state_dict": state, "hyper_parameters": {"lr": 0.1}}), tmp_path / "o.safetensors"
    )
    model = make("methods", method, {**params, "train": "head"})
    model.check()
    (carried,) = carried_by(model.build(TWO, (1, 32, 32, 48))).values()
    assert {name for name in carried.missing if "cross_attn" not in name} == {
        "cls_token",
        "classification_head.weight",
        "classification_head.bias",
    }
    assert len(carried.adapted) == 1
    assert not carried.unused


def test_encoders_of_swin_unetr_and_monais_own_file_begin_the_network_for_masks(written, tmp_path):
    from monai.networks.nets import SwinUNETR

    swin = SwinUNETR(1, 2, feature_size=12)
    masks = Task("segmentation", "dice", ("rest", "a"))
    encoder = {
        name.removeprefix("swinViT."): value for name, value in swin.state_dict().items() if name.startswith("swinViT")
    }
    encoder = {name.replace("mlp.linear", "mlp.fc"): value for name, value in encoder.items()}
    files = {
        "whole": swin.state_dict(),
        "monai": prefixed(encoder, "module.") | some({"module.norm.weight": (4,)}),
        "ssl": prefixed(swin.swinViT.state_dict(), "swinViT.") | some({"rotation_head.weight": (4, 4)}),
    }
    for name, state in files.items():
        method, params = file_params(written({"state_dict": state}), tmp_path / f"{name}.safetensors")
        assert (method, params["network"], params["width"]) == ("monaiseg", "SwinUNETR", 12)
        model = make("methods", method, params).build(masks, (1, 64, 32, 32))
        (carried,) = carried_by(model).values()
        assert set(model.network.swinViT.state_dict()) == {
            key.removeprefix("swinViT.") for key in carried.taken if key.startswith("swinViT.")
        }
        assert torch.equal(
            model.network.swinViT.layers1[0].blocks[0].mlp.linear1.weight,
            swin.swinViT.layers1[0].blocks[0].mlp.linear1.weight,
        )


def test_the_encoder_of_swin_unetr_begins_a_network_for_classes(written, tmp_path):
    from monai.networks.nets import SwinUNETR

    swin = SwinUNETR(1, 2, feature_size=12)
    _, params = file_params(written(swin.state_dict()), tmp_path / "o.safetensors")
    given = {"network": "SwinEncoder", "options": {"feature_size": 12}, "weights": params["weights"]}
    method = make("methods", "monai3d", {**given, "checksum": params["checksum"], "train": "head"})
    method.check()
    model = method.build(TWO, (1, 40, 40, 33)).eval()
    assert {name for name, weight in model.named_parameters() if weight.requires_grad} == {"head.weight", "head.bias"}
    x = torch.randn(1, 1, 64, 64, 64)
    expected = swin.eval().swinViT(x)[-1].mean((2, 3, 4))
    torch.testing.assert_close(model.swinViT(x)[-1].mean((2, 3, 4)), expected)


def fake_2d() -> dict[str, tuple[dict[str, Tensor], str, dict]]:
    """name of a layout -> (its tensors, the network that the arm has, options that keep it small)."""
    import timm

    def vit(name: str, **options: object) -> dict[str, Tensor]:
        return timm.create_model(name, **options).state_dict()

    dino = vit("vit_small_patch14_dinov2", depth=1, img_size=70)
    dino3 = vit("vit_small_patch16_dinov3", depth=1, img_size=64)
    dino3 = {name.replace("reg_token", "storage_tokens"): value for name, value in dino3.items()}
    clip = vit("vit_base_patch16_224", depth=1, img_size=64)
    clip = {name: value for name, value in clip.items() if not name.startswith("head.")}
    sam = vit("samvit_base_patch16", depth=1, img_size=128, num_classes=0)
    sam = {name.replace("mlp.fc", "mlp.lin"): value for name, value in sam.items()}
    one = {"depth": 1}
    return {
        "DINOv2": (dino | some({"mask_token": (1, 384)}), "vit_small_patch14_dinov2", one),
        "DINOv2 teacher": (
            prefixed(dino | some({"mask_token": (1, 384)}), "backbone.") | some({"dino_head.mlp.0.weight": (2, 2)}),
            "vit_small_patch14_dinov2",
            one,
        ),
        "DINOv3": (
            dino3 | some({"mask_token": (1, 384), "rope_embed.periods": (16,)}),
            "vit_small_patch16_dinov3",
            one,
        ),
        "BiomedCLIP": (
            prefixed(clip, "visual.trunk.") | some({"visual.head.proj.weight": (512, 768), "text.proj.weight": (2, 2)}),
            "vit_base_patch16_224",
            one,
        ),
        "SAM": (
            prefixed(sam, "image_encoder.")
            | some({"mask_decoder.x": (2,), "image_encoder.blocks.0.Adapter.channel.0.weight": (2, 2)}),
            "samvit_base_patch16",
            one,
        ),
        "RadImageNet (ResNet": (radimagenet(), "resnet18", {}),
        "torchvision ResNet": (resnet2d(), "resnet18", {}),
    }


@pytest.mark.parametrize(
    "name", ["DINOv2", "DINOv2 teacher", "DINOv3", "BiomedCLIP", "SAM", "RadImageNet (ResNet", "torchvision ResNet"]
)
def test_layouts_of_images_are_recognised_and_begin_the_network_that_is_printed(name, written, tmp_path):
    state, network, options = fake_2d()[name]
    path = written({"teacher" if "teacher" in name else "state_dict": state})
    inspected = inspect(path)
    assert name.removesuffix(" teacher").partition("v")[0] in inspected.layout.name
    assert inspected.arm == ("timm2d", {"network": network})
    if name.startswith("RadImageNet"):
        assert set(inspected.tensors) == {key for key in resnet2d() if not key.startswith("fc") and "num_b" not in key}
        return
    method, params = file_params(path, tmp_path / "o.safetensors")
    made = make("methods", method, {**params, "options": options, "train": "head"})
    model = made.build(TWO, (3, 100, 91))
    (carried,) = carried_by(model).values()
    own = {key for key, _ in model.named_parameters()}
    left = own - set(carried.taken)
    assert all(key.startswith(("head.", "fc.")) for key in left), left
    positions = {"DINOv2", "DINOv2 teacher", "BiomedCLIP", "SAM"}
    assert bool(carried.adapted) == (name in positions)


class Gate(nn.Module):
    """A squeeze and excitation with the names that the authors' attention has."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 16
        self.channel_attention = nn.Sequential(
            nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.channel_attention(x.mean((2, 3)))[:, :, None, None]


class Mechanism(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        grouped = {"kernel_size": 1, "groups": 4, "bias": False}
        first, second = nn.Conv2d(channels, channels // 4, **grouped), nn.Conv2d(channels // 4, channels, **grouped)
        self.weight_layer = nn.Sequential(first, nn.ReLU(), second, nn.Sigmoid())
        self.pointwise_groups = nn.Conv2d(channels, channels, **grouped)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise_groups(x * self.weight_layer(x))


def one_branch(inputs: int, outputs: int, stride: int, wider: int, size: int) -> nn.Sequential:
    wide = inputs * wider
    steps = (
        (nn.Conv2d(inputs, wide, 1), True),
        (nn.Conv2d(wide, wide, size, stride, size // 2, groups=wide), True),
        (nn.Conv2d(wide, wide, 1), False),
        (nn.Conv2d(wide, outputs, 1), False),
    )
    layers = [
        each for conv, active in steps for each in (conv, nn.BatchNorm2d(conv.out_channels), *([nn.ReLU6()] * active))
    ]
    return nn.Sequential(*layers)


class Narrow(nn.Module):
    def __init__(self, inputs: int, outputs: int, wider: int) -> None:
        super().__init__()
        self.residual = one_branch(inputs, outputs, 1, wider, 3)
        self.attention = Gate(outputs)
        self.same = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)
        return self.attention(y + x if self.same else y)


class Wide(nn.Module):
    def __init__(self, inputs: int, outputs: int, wider: int) -> None:
        super().__init__()
        self.residual = one_branch(inputs, outputs, 2, wider, 3)
        self.residual_1 = one_branch(inputs, outputs, 2, wider, 5)
        self.residual_2 = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.residual_1(x) + self.residual_2(x)


def staged(blocks: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    first = Wide(inputs, outputs, 6) if stride == 2 else Narrow(inputs, outputs, 6)
    return nn.Sequential(first, *(Narrow(outputs, outputs, 6) for _ in range(blocks - 1)))


def authors_network(mechanisms: bool) -> nn.Sequential:
    """The released network, restated from its description, with the names of its tensors."""

    def followed(stage: nn.Module, channels: int) -> nn.Module:
        return nn.Sequential(stage, Mechanism(channels)) if mechanisms else stage

    last = [nn.Conv2d(320, 1280, 1), nn.BatchNorm2d(1280), nn.ReLU6(), *([Mechanism(1280)] if mechanisms else [])]
    parts = {
        "pre": nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU6()),
        "stage1": followed(Narrow(32, 16, 1), 16),
        "stage2": staged(2, 16, 24, 2),
        "stage3": staged(3, 24, 32, 2),
        "stage4": followed(staged(4, 32, 64, 2), 64),
        "stage5": staged(3, 64, 96, 1),
        "stage6": followed(staged(3, 96, 160, 2), 160),
        "stage7": Narrow(160, 320, 6),
        "conv1": nn.Sequential(*last),
        "pool": nn.AdaptiveAvgPool2d(1),
        "conv2": nn.Conv2d(1280, 2, 1),
        "flat": nn.Flatten(),
    }
    return nn.Sequential(OrderedDict(parts))


@pytest.mark.parametrize("mechanisms", [True, False])
def test_the_file_of_the_authors_of_dclse_gives_their_outputs(mechanisms, written, tmp_path):
    torch.manual_seed(4)
    theirs = authors_network(mechanisms).eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    method, params = file_params(written({"model": theirs.state_dict()}), tmp_path / "o.safetensors")
    assert method == "dclse"
    made = make("methods", method, params)
    made.check()
    ours = made.build(TWO, (3, 64, 64)).eval()
    (carried,) = carried_by(ours).values()
    assert not carried.left
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
