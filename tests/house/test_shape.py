"""The house stays easy to walk: one name a file, few rooms, no circles, no vague public names, nothing shadowed."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench

HOME = Path(bench.__file__).parent
ROOT = HOME.parent
FILES = [path for part in ("bench", "baselines", "dclse") for path in sorted((ROOT / part).rglob("*.py"))]
ROOMS = {
    *("analysis", "cli", "core", "data", "evaluation", "experiments", "report", "storage", "training"),
    *("datasets", "views"),  # catalogues: their import paths are public
    *("curriculum", "method", "registry", "weights"),  # public modules
    *("guide", "templates"),
}
VAGUE = {"anew", "asked", "found", "here", "kept", "laid", "made", "said", "seen", "shown", "there", "told", "whoever"}
OLD_HOOKS = {"told", "shown"}  # names of the first plug-ins, kept for one version


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_module(path): path for path in FILES}


def _imports(node: ast.AST) -> Iterator[str]:
    """The modules of this project that a file imports, in functions too; lines for type hints are left out."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and node.module:
        for each in node.names:
            part = f"{node.module}.{each.name}"
            yield part if part in MODULES else node.module
    elif isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def _circles(graph: dict[str, set[str]]) -> set[str]:
    """The modules that can be reached from themselves: what is left once leaves and roots are taken away."""
    left = dict(graph)
    while True:
        wanted = {target for targets in left.values() for target in targets}
        ends = {name for name, targets in left.items() if not targets & left.keys() or name not in wanted}
        if not ends:
            return set(left)
        left = {name: targets - ends for name, targets in left.items() if name not in ends}


def test_no_file_name_occurs_twice_in_the_harness():
    names = Counter(path.name for path in HOME.rglob("*.py") if path.name != "__init__.py")
    assert [name for name, times in names.items() if times > 1] == []


def test_the_harness_has_nine_rooms_two_catalogues_and_four_public_modules():
    inside = {path for path in HOME.iterdir() if not path.name.startswith(("_", "."))}
    assert {path.stem for path in inside} <= ROOMS


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        name: set(_imports(ast.parse(path.read_text()))) & MODULES.keys() - {name} for name, path in MODULES.items()
    }
    assert _circles(graph) == set()


def test_a_circle_would_be_found():
    assert _circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == {"a", "b", "c"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_public_name_only_says_that_something_happened(path):
    defined = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    ]
    public = {node.name for node in defined if not node.name.startswith("_")} - OLD_HOOKS
    assert [name for name in public if VAGUE & set(name.lower().split("_"))] == []


@pytest.mark.parametrize(
    "package", sorted(HOME.rglob("__init__.py")), ids=lambda path: str(path.parent.relative_to(ROOT))
)
def test_no_package_offers_something_under_the_name_of_its_own_module(package):
    inside = {path.stem for path in package.parent.glob("*.py")} | {path.name for path in package.parent.iterdir()}
    offered = set()
    for node in ast.parse(package.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module != _module(package):
            offered |= {each.asname or each.name for each in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            offered.add(node.name)
    assert offered & inside == set()
