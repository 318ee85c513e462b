"""Import names of modules before they moved into rooms, for plug-ins and scripts that still use them.

An old module is created when it is imported, and takes every attribute from the new one. Code of this project does not
use it.
"""

from __future__ import annotations

import importlib
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType

ADDRESSES = {  # old name -> new name, and names in it that have changed; a package without a new name only leads on
    "bench.audit": ("", {}),
    "bench.audit.decoding": ("bench.data.readers.grey_images", {"grey": "read_grey"}),
    "bench.launch": ("", {}),
    "bench.launch.crate": ("bench.experiments.launch.code_archive", {"packed": "pack_folder"}),
    "bench.launch.look": ("bench.experiments.launch.node_agent", {"unpacked": "unpack_code"}),
    "bench.launch.worker": ("bench.experiments.launch.worker", {}),
    "bench.privacy": ("bench.storage.anonymise", {"Secrets": "ProtectedNames"}),
    "bench.stages": ("bench.training.curriculum_hooks", {}),
    "bench.tune": ("", {}),
    "bench.tune.storage": ("bench.experiments.search.optuna_storage", {"Storage": "OptunaStorage"}),
    "bench.vision": ("bench.core.torchvision_import", {}),
}


def old_spec(name: str) -> ModuleSpec | None:
    """Specification of a module at its old address.

    Parameters
    ----------
    name : str
        Import name.

    Returns
    -------
    ModuleSpec or None
        None if no module had that name.
    """
    if name not in ADDRESSES:
        return None
    package = any(other.startswith(f"{name}.") for other in ADDRESSES)
    return ModuleSpec(name, _Forwarding(), is_package=package)


class _Forwarding(Loader):
    """Creates a module whose attributes are those of another one."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _OldModule(spec.name, f"The old address of `{ADDRESSES[spec.name][0] or 'modules that have moved'}`.")

    def exec_module(self, module: ModuleType) -> None:
        pass


class _OldModule(ModuleType):
    def __getattr__(self, name: str) -> object:
        target, renamed = ADDRESSES[self.__name__]
        if not target or name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(target), renamed.get(name, name))
