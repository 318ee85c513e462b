"""Energy use of a run: of an NVIDIA board by NVML, of processors by RAPL.

The counters cover the whole board or the whole processor package, with everything that runs there at the same time;
memory and the rest of the machine are not included. If no counter is readable, the energy is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

RAPL = Path("/sys/class/powercap")  # energy_uj counts microjoules up to max_energy_range_uj, then wraps around to 0


class EnergyMeter:
    """Measures joules from its creation on. device: of the work; rapl: the Linux folder with the RAPL counters."""

    def __init__(self, device: torch.device, rapl: Path = RAPL) -> None:
        self._device, self._rapl = device, rapl
        self._before = self._read()

    def joules(self) -> float | None:
        """Energy used by the board or the packages so far; None if it cannot be read."""
        now = self._read()
        if not self._before or self._before.keys() != now.keys():
            return None
        return sum(_since(self._before[name], now[name]) for name in now)

    def _read(self) -> Mapping[str, tuple[float, float]]:
        """Counter -> (joules, joules at which the counter wraps around)."""
        return _board(self._device) if self._device.type == "cuda" else _packages(self._rapl)


def _since(before: tuple[float, float], now: tuple[float, float]) -> float:
    """Joules between two readings of a counter that wrapped around at most once."""
    return now[0] - before[0] + (now[1] if now[0] < before[0] else 0.0)


def _packages(root: Path) -> dict[str, tuple[float, float]]:
    """Counters of all processor packages; empty if one is not readable (most systems allow only root to read them)."""
    counters = {}
    try:
        for zone in sorted(root.glob("*-rapl:*")):
            if (zone / "name").read_text("utf-8").startswith("package"):
                values = (int((zone / file).read_text("utf-8")) / 1e6 for file in ("energy_uj", "max_energy_range_uj"))
                counters[zone.name] = tuple(values)
    except (OSError, ValueError):
        return {}
    return counters


def _board(device: torch.device) -> dict[str, tuple[float, float]]:
    """Counter of a GPU board. The board is looked up by UUID, because CUDA and NVML order the boards differently."""
    import pynvml
    import torch

    uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    try:
        pynvml.nvmlInit()
        board = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        return {uuid: (pynvml.nvmlDeviceGetTotalEnergyConsumption(board) / 1000, float("inf"))}
    except pynvml.NVMLError:  # an older board, no driver, a part of a board
        return {}
