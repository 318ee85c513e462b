"""From a published checkpoint to a row of a table: converted, checked, frozen and fine-tuned, in 2D and in 3D."""

from __future__ import annotations

import json

import pytest
import torch
from command_line import run_command
from published_files import prefixed, radimagenet, some

import bench
from baselines._sammed3d_network import Encoder
from bench.core import Arm, Data, Recipe, Study

NAMES = ("MedicalNet", "BrainIAC", "RadImageNet", "SwinUNETR", "SAM-Med3D")


def published(name: str) -> dict[str, object]:
    """A checkpoint as it is published, with made-up numbers."""
    from monai.networks.nets import SwinUNETR, ViT, resnet10

    if name == "MedicalNet":
        model = resnet10(spatial_dims=3, n_input_channels=1, feed_forward=False, bias_downsample=False)
        return {"state_dict": prefixed(model.state_dict(), "module."), "optimizer": {"state": {}}, "epoch": 3}
    if name == "BrainIAC":
        vit = ViT(1, (24, 24, 24), (8, 8, 8), hidden_size=64, mlp_dim=64, num_layers=2, num_heads=1)
        return {"state_dict": prefixed(vit.state_dict(), "backbone."), "pytorch-lightning_version": "2.1"}
    if name == "SAM-Med3D":
        encoder = Encoder(1, 32, 4, 2, 4).state_dict()
        return {"model_state_dict": prefixed(encoder, "image_encoder.") | some({"mask_decoder.x.weight": (2, 2)})}
    if name == "SwinUNETR":
        swin = SwinUNETR(1, 2, feature_size=12).swinViT.state_dict()
        state = {key.replace("mlp.linear", "mlp.fc"): value for key, value in swin.items()}
        return {"state_dict": prefixed(state, "module.") | some({"module.norm.weight": (4,)})}
    return radimagenet()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_published_checkpoint_goes_from_convert_to_rows_of_a_table(name, tmp_path, capsys, monkeypatch, one_format):
    source, out = tmp_path / "published.pth", tmp_path / f"{name}.safetensors"
    torch.save(published(name), source)
    status, text = run_command(capsys, monkeypatch, "weights", "convert", str(source), "--out", str(out), "--json")
    assert status == 0, text
    entry = json.loads(text)
    method, params = entry["arm"]["method"], {**entry["arm"]["params"], **entry["written"], "pretrained_on": ["none"]}
    plain = {key: value for key, value in params.items() if key not in ("weights", "checksum", "pretrained_on")}
    data = Data("phantom_artery" if name == "SwinUNETR" else "phantom_age")
    study = Study(
        question="Do the weights help?",
        datasets=[data],
        reference="from scratch",
        arms={
            "from scratch": Arm(method, plain),
            "frozen": Arm(method, {**params, "train": "head"}),
            "fine-tuned": Arm(method, params),
        },
        folds=2,
        partitions=1,
        recipe=Recipe(steps=2, batch_size=4, points=1, scans=8),
    )
    results = bench.run(study, name="rows", launcher="serial", phantoms=True)
    assert results.status == {"done": 6, "failed": 0, "refused": 0, "open": 0}
    scores = results.scores.set_index("arm")
    assert scores["score"].notna().all()
    assert scores.loc["frozen", "score"] != scores.loc["fine-tuned", "score"]
    page = (results.path.parent / "report.md").read_text()
    for arm in ("frozen", "fine-tuned"):
        assert f"{arm} began with other weights: " in page
    assert out.name in page
    records = [json.loads(path.read_text()) for path in (tmp_path / "results" / "trials").glob("*/record.json")]
    shares = [
        each["resolved"]["network"]["trained"] for each in records if "trained" in each["resolved"].get("network", {})
    ]
    assert len(shares) == 2
    assert all(0 < share["numbers"] < share["of"] for share in shares)
