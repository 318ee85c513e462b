"""What a notebook, a container or a batch system sets does not stop a command, or one line says what to change.

The quick test takes all that can be set together in one run; the slow ones take each alone, over every command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[1] / "plugins"
BENCH = [sys.executable, "-m", "bench"]
NOBODY = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]  # without an entry in passwd
NOT_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LONG = "l" * 120
RC = "text.usetex: True\nsavefig.bbox: tight\nsavefig.dpi: 30\nfont.family: serif\naxes.facecolor: black\n"
TOGETHER = {
    **NOT_UTF8,
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONIOENCODING": "ascii",
    "PYTHONWARNINGS": "error",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TERM": "dumb",
    "COLUMNS": "1",
    "TZ": "Nowhere/Land",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "many",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "RAY_ADDRESS": "127.0.0.1:9",
    "TMPDIR": LONG,
    "HOME": None,
}
ALONE = {
    "the backend of a notebook": {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "the locale C": NOT_UTF8,
    "no home": {"HOME": None},
    "a home that cannot be written": {"HOME": "/proc"},
    "a long folder of temporary files": {"TMPDIR": LONG},
    "a folder of temporary files with other signs": {"TMPDIR": "t ?#%&"},
    "warnings as errors": {"PYTHONWARNINGS": "error"},
    "no byte code": {"PYTHONDONTWRITEBYTECODE": "1"},
    "no docstrings": {"PYTHONOPTIMIZE": "2"},
    "no terminal": {"TERM": None, "COLUMNS": "1", "NO_COLOR": "1"},
    "an odd time zone": {"TZ": "Nowhere/Land"},
    "no GPU": {"CUDA_VISIBLE_DEVICES": ""},
    "threads that are no number": {"OMP_NUM_THREADS": "many"},
    "a proxy": {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
}


@pytest.fixture
def place():
    """A folder that every user may write in, with a matplotlibrc, which is the current one of every command."""
    with tempfile.TemporaryDirectory(prefix="bench-hostile-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o777)
        (Path(folder) / "matplotlibrc").write_text(RC, encoding="utf-8")
        yield Path(folder)


def command(place, words, env=None, before=(), shell="exec"):
    """Run the command in a shell: status, stdout and stderr. A TMPDIR without a slash is a folder of the place."""
    own = {
        "BENCH_DATA": str(place / "data"),
        "BENCH_RESULTS": str(place / "results"),
        "BENCH_PLUGINS": str(PLUGINS),
    }
    settings = {**os.environ, **own, **(env or {})}
    if settings.get("TMPDIR") and "/" not in settings["TMPDIR"]:
        settings["TMPDIR"] = str(place / settings["TMPDIR"])
        Path(settings["TMPDIR"]).mkdir(exist_ok=True)
        Path(settings["TMPDIR"]).chmod(0o777)
    line = f'umask 077; ulimit -n 256; {shell} "$@"'
    done = subprocess.run(
        ["sh", "-c", line, "sh", *before, *BENCH, *words], cwd=place, capture_output=True, timeout=500,
        env={name: value for name, value in settings.items() if value is not None},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def as_nobody():
    """The words that run a command as a user without a name, if this machine allows that."""
    tried = [
        *NOBODY,
        "sh",
        "-c",
        "exec \"$0\" -c \"import subprocess, sys; subprocess.run([sys.executable, '-c', ''])\"",
    ]
    try:
        done = subprocess.run([*tried, sys.executable], capture_output=True)
    except OSError:
        return []
    return NOBODY if done.returncode == 0 else []


def test_a_study_runs_in_an_environment_that_is_all_wrong(place):
    words = ["run", "--study", "pair", "--launcher", "serial"]
    status, out, err = command(place, words, TOGETHER, as_nobody(), "exec <&-")
    assert status == 0, err
    assert "report: " in out.decode("ascii")  # every letter is one of ASCII
    assert "net" in out.decode("ascii")  # the table has room
    page = (place / "results" / "pair" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "\N{MULTIPLICATION SIGN}" in page  # files are UTF-8, whatever is printed


@pytest.mark.parametrize("env", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, NOT_UTF8])
def test_json_is_whole_whatever_the_encoding_of_stdout_is(tmp_path, env):
    (tmp_path / "plugins").mkdir()
    text = (PLUGINS / "pair.py").read_text(encoding="utf-8").replace("Do two arms run?", "Größer als 大?")
    (tmp_path / "plugins" / "pair.py").write_text(text, encoding="utf-8")
    env = {**env, "BENCH_PLUGINS": str(tmp_path / "plugins")}
    status, out, err = command(tmp_path, ["list", "studies", "--json"], env)
    assert status == 0, err
    assert {"Größer als 大?"} <= {each["summary"] for each in json.loads(out.decode("ascii"))}


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_stop_a_command_or_catch_its_files(tmp_path, closed):
    out = tmp_path / "job.sh"
    status, _, err = command(tmp_path, ["template", "slurm", "--out", str(out)], shell=f"exec {closed}")
    assert (status, err) == (0, b"")
    assert out.read_text(encoding="utf-8").endswith("\n")
    assert str(out) not in out.read_text(encoding="utf-8")


def test_a_reader_of_a_pipe_that_ends_is_no_error():
    done = subprocess.run(["sh", "-c", f"{' '.join(BENCH)} guide protocol | true"], capture_output=True)
    assert done.stderr == b""


def test_a_current_folder_that_was_deleted_is_one_line(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    words = " ".join(BENCH)
    done = subprocess.run(
        ["sh", "-c", f"cd {gone} && rmdir {gone} && {words} list"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("bench: the current folder was deleted or cannot be read; change to")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "ray"])
@pytest.mark.parametrize("env", ALONE.values(), ids=ALONE)
def test_every_command_works_in_an_environment(place, env, launcher):
    started = ["--launcher", launcher]
    for words in (
        ["prepare", "tiny_volumes"],
        ["run", "--study", "pair", *started],
        ["tune", "--study", "searched", "--arm", "net", "--fold", "0", "--trials", "2", *started],
        ["report", "--study", "pair"],
    ):
        status, _, err = command(place, words, env)
        assert status == 0, (words, err.decode(errors="replace"))


def test_monai_can_be_imported_by_a_user_without_a_name():
    names = ("LOGNAME", "USER", "LNAME", "USERNAME")
    around = {name: value for name, value in os.environ.items() if name not in names}
    unknown = "import pwd\ndef unknown(uid): raise KeyError(uid)\npwd.getpwuid = unknown\n"
    for first, status in (("", 1), ("import bench\n", 0)):
        code = f"{unknown}{first}import monai.config.deviceconfig"
        done = subprocess.run([sys.executable, "-c", code], env=around, capture_output=True, text=True)
        assert done.returncode == status, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "ray"])
@pytest.mark.parametrize("home", [None, "/"])
def test_a_user_without_a_name_or_a_home_runs_a_study(place, launcher, home):
    if not (user := as_nobody()):
        pytest.skip("no other user can be taken here, or it cannot run this Python")
    status, _, err = command(place, ["run", "--study", "pair", "--launcher", launcher], {"HOME": home}, user)
    assert status == 0, err


@pytest.mark.slow
def test_a_user_runs_a_study_on_data_and_plugins_that_are_read_only(place):
    if not (user := as_nobody()):
        pytest.skip("no other user can be taken here, or it cannot run this Python")
    assert command(place, ["prepare", "tiny_volumes"], shell="umask 022; exec")[0] == 0
    status, _, err = command(place, ["run", "--study", "pair"], {"HOME": str(place)}, user)
    assert status == 0, err


@pytest.mark.slow
@pytest.mark.parametrize("mount", ["-o ro", "-o size=64k"])
def test_ray_runs_where_the_shared_memory_is_missing_or_tiny(place, mount):
    before = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs {mount} none /dev/shm && exec "$@"', "sh"]
    status, _, err = command(place, ["run", "--study", "pair", "--launcher", "ray"], before=before)
    if b"unshare" in err or b"mount:" in err:
        pytest.skip(err.decode())
    assert status == 0, err
