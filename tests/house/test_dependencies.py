"""What is required is used, and private parts of other libraries that are used are listed: look here at an upgrade."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

import pytest

from bench import report
from bench.report.report_manifest import LIBRARIES

ROOT = Path(__file__).parents[2]
PRIVATE = {  # of Optuna nothing
    "torch.nn.modules.dropout._DropoutNd": "the class of every dropout, whatever its dimensions",
    "result._warned_capturable_if_run_uncaptured": "of an optimiser: no warning of steps without a graph, on purpose",
    "sys._getframe": "documented: which code opens a file, without the cost of a whole traceback",
    "os._exit": "a public function: a process ends at once, and does not wait for Ray where that does not answer",
    "_node_ip_address": "an argument of ray.init: what is started here listens on the loopback alone",
    "ray._private.ray_constants": "ENABLE_RAY_CLUSTER: the same",
    "ray._private": "state.available_resources_per_node: what others leave free of each node",
    "_temp_dir": "an argument of ray.init: a short folder that only this user can read",
    "_plasma_directory": "an argument of ray.init: where this machine has no shared memory",
    "ray._raylet.AuthenticationTokenLoader": "reset_cache: read the token of this session, not of the last",
    "ray._raylet.Config": "initialize: forget the token of a cluster that was left",
    "ray._raylet.GcsClient": "get_all_node_info: whether a cluster listens there, before ray.init may end the process",
    "ray.experimental.internal_kv": "how far trials are, without one more process on the cluster that keeps it",
    "internal_kv._internal_kv_del": "the same",
    "internal_kv._internal_kv_exists": "the same",
    "internal_kv._internal_kv_get": "the same",
    "internal_kv._internal_kv_put": "the same",
}
PARTS = [  # what another version has to have, by module
    ("torch.nn.modules.dropout", "_DropoutNd"),
    ("ray._private.ray_constants", "ENABLE_RAY_CLUSTER"),
    ("ray._private.state", "available_resources_per_node"),
    ("ray._raylet", "AuthenticationTokenLoader.reset_cache"),
    ("ray._raylet", "Config.initialize"),
    ("ray._raylet", "GcsClient"),
    ("ray._raylet", "InnerGcsClient.get_all_node_info"),  # GcsClient hands it on
    *(("ray.experimental.internal_kv", f"_internal_kv_{name}") for name in ("del", "exists", "get", "put")),
]
ONLY_SHOWN = {"rich", "markupsafe", "torch"}  # the terminal; of jinja2; the gallery of views, which is no report


def trees(folder):
    return [ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))]


def imported(tree):
    """The modules that are imported, as `a` for `import a` and as `a.b` for `from a import b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{each.name}" for each in node.names)


def is_private(name):
    parts = name.split(".")
    return "experimental" in parts or any(re.match("_[^_]", part) for part in parts)


def private_uses(tree):
    """Private modules of others, private arguments, and private attributes of anything but the object itself."""
    others = (name for name in imported(tree) if name.partition(".")[0] not in ("bench", "__future__"))
    yield from (name for name in others if is_private(name))
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg and is_private(node.arg):
            yield node.arg
        if isinstance(node, ast.Attribute) and is_private(node.attr) and ast.unparse(node.value) not in ("self", "cls"):
            yield ast.unparse(node)


def requirements(group="dependencies"):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project[group] if group in project else project["optional-dependencies"][group]


def test_the_private_parts_of_other_libraries_that_are_used_are_listed():
    assert {use for tree in trees(ROOT / "bench") for use in private_uses(tree)} == set(PRIVATE)


@pytest.mark.parametrize(("module", "name"), PARTS)
def test_the_private_parts_that_are_used_are_there(module, name):
    there = importlib.import_module(module)
    for part in name.split("."):
        there = getattr(there, part)
    assert there is not None


def test_a_library_whose_private_parts_are_used_stays_below_its_next_minor_version():
    (ray,) = (each for each in requirements() if each.startswith("ray["))
    major, minor, *below = map(int, re.fullmatch(r"ray\[tune\]>=(\d+)\.(\d+),<(\d+)\.(\d+)", ray).groups())
    assert below == [major, minor + 1]
    assert version("ray").startswith(f"{major}.{minor}.")


def test_a_report_names_the_libraries_that_it_is_made_with():
    folder = Path(report.__file__).parent
    made = [path for path in folder.rglob("*.py") if folder / "export" not in path.parents]
    found = {name.partition(".")[0] for path in made for name in imported(ast.parse(path.read_text()))}
    others = found - set(sys.stdlib_module_names) - {"bench"} - ONLY_SHOWN
    assert {"scikit-learn" if name == "sklearn" else name for name in others} == set(LIBRARIES)


def test_the_oracles_of_the_tests_are_required_for_development_only():
    names = {group: {re.match(r"[\w-]+", each)[0] for each in requirements(group)} for group in ("dependencies", "dev")}
    used = {name.partition(".")[0] for package in ("bench", "baselines", "dclse", "studies")
            for tree in trees(ROOT / package) for name in imported(tree)}  # fmt: skip
    for name, module in (("statsmodels", "statsmodels"), ("scikit-posthocs", "scikit_posthocs")):
        assert module not in used
        assert name in names["dev"] - names["dependencies"]


def test_einops_is_required_as_monai_needs_it_for_attention_and_does_not_require_it():
    assert any(each.startswith("einops") for each in requirements())
    assert not any(each.startswith("einops") and "extra ==" not in each for each in requires("monai"))
    program = (
        "import sys; sys.modules['einops'] = None\n"
        "from baselines import _monai\n"
        "print(_monai.create('ViT', (1, 16, 16, 16), 2, {'patch_size': 8, 'hidden_size': 12, 'num_heads': 3}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode
    assert "einops" in done.stderr
