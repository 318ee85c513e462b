"""The benchmark harness: data, protocol, records, reports. It knows no method by name.

The street, from a question to an answer; nothing flows back:

    registry -> plan -> launch -> runner: prepare -> splits -> views -> loader -> train -> metrics -> store -> report

`core` holds the nouns; each module says in its first lines what it is and what it does not know. Imports go
downwards only; `pyproject.toml` has the order, kept by import-linter.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("dclse-bench")
except PackageNotFoundError:  # a source tree that nobody installed
    __version__ = "0+source"
