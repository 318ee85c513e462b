"""Commands that need no network and no scan import neither torch nor numpy: they start in half a second."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "scipy", "pandas", "ray", "timm", "monai", "sklearn", "nibabel")
PROGRAM = f"""
import sys
from bench.cli import main
sys.argv = ["bench", *sys.argv[1:]]
try:
    main()
finally:
    print("imported:", *(name for name in {HEAVY!r} if name in sys.modules))
"""


@pytest.mark.parametrize("words", [["list"], ["--version"]], ids=" ".join)
def test_it_imports_nothing_heavy(words):
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "imported:"
