"""`bench weights`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Json, print_json
from bench.core import BenchError
from bench.registry import did_you_mean

if TYPE_CHECKING:
    from bench.weights.weights_conversion import Inspection

ACTIONS = ("convert", "show")


def weights(
    action: Annotated[str, typer.Argument(help="convert: write a safetensors file; show: only list what it holds.")],
    file: Annotated[Path, typer.Argument(help="A published checkpoint: .pth, .pt, .ckpt, .tar, .bin, .safetensors.")],
    out: Annotated[Path | None, typer.Option("--out", help="The safetensors file to write.")] = None,
    key: Annotated[str, typer.Option("--key", help="Key of the tensors in the file: model.state_dict.")] = "",
    run_torchscript: Annotated[
        bool, typer.Option("--run-torchscript", help="Read a TorchScript archive. This runs code of the file.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Convert a published checkpoint of pretrained weights to a file that an arm can begin with.

    Files of PyTorch are read without running code that they contain. The names of known models are changed to those of
    the network here, and the arm that has this network is printed.
    """
    from bench.weights import weights_conversion

    if action not in ACTIONS:
        raise BenchError(f"bench weights cannot {action!r}; {did_you_mean(action, ACTIONS)}")
    if action == "show":
        if out is not None:
            raise BenchError("bench weights show writes no file; leave out --out, or use: bench weights convert")
        inspected = weights_conversion.inspect(file, key, run_torchscript)
        return print_json(inspected.summary()) if as_json else _print(inspected, _rows(inspected))
    if out is None:
        raise BenchError("bench weights convert needs --out, the safetensors file to write")
    inspected, checksum = weights_conversion.convert(file, out, key, run_torchscript)
    written = {"weights": str(out), "checksum": checksum}
    if as_json:
        return print_json({**inspected.summary(), "written": written})
    return _print(inspected, [f"written: {out}", f"SHA-256 of {out.name}: {checksum}", *_arm(inspected, written)])


def _print(inspected: Inspection, more: list[str]) -> None:
    for line in [*inspected.lines(), *more]:
        print(line)


def _rows(inspected: Inspection) -> list[str]:
    """A line for every tensor, and the arm that reads them after conversion."""
    from bench.core.printable_text import printable
    from bench.weights.tensor_names import shape_text

    rows = [f"  {printable(name)}  {shape_text(inspected.tensors, name)}" for name in inspected.tensors]
    return [*_arm(inspected, {}), *rows]


def _arm(inspected: Inspection, written: dict[str, str]) -> list[str]:
    if inspected.arm is None:
        return []
    method, params = inspected.arm
    return [f"arm: Arm({json.dumps(method)}, {json.dumps({**params, **written})})"]


COMMAND = weights
PANEL = "Catalogue"
