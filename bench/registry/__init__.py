"""Find data sets, methods, curricula and studies by name.

A member is a module-level `DATASET`, `METHOD`, `CURRICULUM` or `STUDY`, and its name is the name of its file.
Packages are found through entry points of the group `dclse_bench`, whose values are packages that contain members, or
modules and packages that are members themselves. A user's own files are found in the plug-in folders (see
`bench.core.paths`). Files whose name begins with an underscore are private and are not searched. A data set, method or
curriculum is a frozen dataclass whose fields are its parameters; a study is an instance of `Study`.
"""

from bench.core.parameters import construct, did_you_mean
from bench.core.task_kinds import add_search
from bench.registry.member_descriptions import DESCRIBED, describe, descriptions
from bench.registry.member_modules import KINDS, SINGULAR, clear_cache, file_checksum, loaded_plugin_files
from bench.registry.members import (
    EXTENSIONS,
    code,
    make,
    member,
    member_folders,
    names,
    plugin_extensions,
    spec,
    study,
    unused_plugin_files,
)
from bench.registry.plugin_checks import error_text, guarded, is_plugin, plugin_file, plugin_line
from bench.registry.plugin_faults import fault_hint

add_search(lambda: names("datasets"))  # files of data sets define kinds of task

__all__ = [
    "DESCRIBED",
    "EXTENSIONS",
    "KINDS",
    "SINGULAR",
    "clear_cache",
    "code",
    "construct",
    "describe",
    "descriptions",
    "did_you_mean",
    "error_text",
    "fault_hint",
    "file_checksum",
    "guarded",
    "is_plugin",
    "loaded_plugin_files",
    "make",
    "member",
    "member_folders",
    "names",
    "plugin_extensions",
    "plugin_file",
    "plugin_line",
    "spec",
    "study",
    "unused_plugin_files",
]
