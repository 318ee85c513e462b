"""Energy that a piece of work took, where the machine counts it: an NVIDIA board by NVML, processors by RAPL.

What is counted is the whole board or the whole package, with all that ran there meanwhile; memory and the rest of the
machine are not in it. Where nothing can be read the energy is not measurable: None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

RAPL = Path("/sys/class/powercap")  # energy_uj counts microjoules up to max_energy_range_uj, and begins anew


class EnergyMeter:
    """Joules from its making on. device: where the work runs; rapl: the folder in which Linux shows the counters."""

    def __init__(self, device: torch.device, rapl: Path = RAPL) -> None:
        self._device, self._rapl = device, rapl
        self._before = self._read()

    def joules(self) -> float | None:
        """What the board or the packages took so far; None where it cannot be read."""
        now = self._read()
        if not self._before or self._before.keys() != now.keys():
            return None
        return sum(_since(self._before[name], now[name]) for name in now)

    def _read(self) -> Mapping[str, tuple[float, float]]:
        """Counter -> joules and where the counter begins anew."""
        return _board(self._device) if self._device.type == "cuda" else _packages(self._rapl)


def _since(before: tuple[float, float], now: tuple[float, float]) -> float:
    """Joules between two looks at a counter that has begun anew once at most."""
    return now[0] - before[0] + (now[1] if now[0] < before[0] else 0.0)


def _packages(root: Path) -> dict[str, tuple[float, float]]:
    """Every processor package; nothing where one of them may not be read, as on most systems by all but root."""
    found = {}
    try:
        for zone in sorted(root.glob("*-rapl:*")):
            if (zone / "name").read_text().startswith("package"):
                values = (int((zone / file).read_text()) / 1e6 for file in ("energy_uj", "max_energy_range_uj"))
                found[zone.name] = tuple(values)
    except (OSError, ValueError):
        return {}
    return found


def _board(device: torch.device) -> dict[str, tuple[float, float]]:
    """The board of a GPU, found by its UUID: the order that CUDA sees is not that of NVML."""
    import pynvml
    import torch

    uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    try:
        pynvml.nvmlInit()
        board = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        return {uuid: (pynvml.nvmlDeviceGetTotalEnergyConsumption(board) / 1000, float("inf"))}
    except pynvml.NVMLError:  # an older board, no driver, a part of a board
        return {}
