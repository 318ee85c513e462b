"""Where a search is remembered: Optuna's storage in SQLite, in a journal file, or in PostgreSQL.

What a storage refuses is told in a line: locked, full, unreachable, without its driver, of another study.
"""

from __future__ import annotations

import errno
import json
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError, RunAbortedError
from bench.storage.atomic_io import REASONS
from bench.storage.locks import Lock, claim

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

WAIT = 30.0  # seconds for a storage that another program has locked, or that does not answer
PAUSE = 0.02  # seconds between two looks at a locked journal
KEPT = "What it holds is kept: mend this"
BEGIN = b'{"op_code":'  # of a line of a journal
SQLITE, JOURNAL = (".db", ".sqlite", ".sqlite3"), (".log", ".journal", ".jsonl")
SERVERS = ("postgresql", "mysql", "mariadb")


@dataclass(frozen=True)
class OptunaStorage:
    """A storage as it is named: a file (`.db` SQLite, `.log` journal) or the URL of a database."""

    name: str

    def __post_init__(self) -> None:
        if not self.is_url and self.path.suffix not in SQLITE + JOURNAL:
            raise BenchError(
                f"no storage {self.name!r}: give a file that ends in {', '.join(SQLITE)} (SQLite) or"
                f" {', '.join(JOURNAL)} (a journal), or a URL as postgresql://user@host/database"
            )
        if self.is_url and self.name.partition(":")[0].partition("+")[0] not in ("sqlite", *SERVERS):
            raise BenchError(f"no storage {self.shown!r}: a URL begins with sqlite, {', '.join(SERVERS)}")

    @property
    def is_url(self) -> bool:
        """Whether it is named by a URL."""
        return "://" in self.name

    @property
    def path(self) -> Path:
        """The file, of a storage that is one."""
        return Path(self.name.removeprefix("sqlite:///")).expanduser()

    @property
    def on_server(self) -> bool:
        """Whether a database server holds it."""
        return self.is_url and not self.name.startswith("sqlite")

    @property
    def shown(self) -> str:
        """Its name without a password."""
        return re.sub(r"(://[^:/@]+):[^@]*@", r"\1:***@", self.name)

    @property
    def absolute(self) -> str:
        """Its name from any folder, without a password."""
        return self.shown if self.on_server else str(self.path.resolve())

    @property
    def kind(self) -> str:
        """SQLite, journal, or the kind of the database."""
        if self.on_server:
            return self.name.partition(":")[0].partition("+")[0]
        return "journal" if self.path.suffix in JOURNAL else "sqlite"

    def open(self) -> BaseStorage:
        """Optuna's storage. BenchError or HaltError where it cannot be had."""
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with self.asking(), quiet():
            if not self.on_server:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.kind == "journal":
                lock = _Lock(self.path)
                if fault := _mended(self.path, lock):
                    raise self._other("journal of Optuna", f" ({fault})")
                return optuna.storages.JournalStorage(JournalFileBackend(str(self.path), lock))
            url = self.name if self.is_url else f"sqlite:///{self.path}"
            return optuna.storages.get_storage(optuna.storages.RDBStorage(url, engine_kwargs=self._engine()))

    @property
    def exists(self) -> bool:
        """Whether there is something to open; a server is asked when it is opened."""
        return self.on_server or self.path.is_file()

    @contextmanager
    def opened(self) -> Iterator[BaseStorage]:
        """Optuna's storage for as long as it is looked at. Errors as of `open` and `asking`."""
        opened = self.open()
        try:
            with self.asking():
                yield opened
        finally:
            close(opened)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Whatever the storage refuses in here becomes one line about it; other errors pass through."""
        try:
            yield
        except BenchError:
            raise
        except ImportError as error:
            raise BenchError(self._lacking(error)) from error
        except OSError as error:
            raise self._halt(REASONS.get(error.errno, str(error))) from error
        except Exception as error:
            if "file is not a database" in str(error):
                raise self._other("SQLite database") from error
            reason = self._reason(error)
            if reason is None:
                raise
            raise self._halt(reason) from error

    def room(self) -> None:
        """Make the folder of a storage that is a file. HaltError where nothing can be written there."""
        if self.on_server:
            return
        folder = self.path.resolve().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            reasons = {**REASONS, errno.ENOENT: "nothing can be made there", errno.EEXIST: REASONS[errno.ENOTDIR]}
            reason = reasons.get(error.errno, str(error))
            mend = "mend this, or give a file in another folder with --storage"
            raise RunAbortedError(f"the storage {self.shown} cannot lie in {folder}: {reason}; {mend}") from error

    def _lacking(self, error: ImportError) -> str:
        """Which driver of a database is not installed, and how to have one."""
        package = error.name or getattr(error.__cause__, "name", None) or str(error)
        if self.kind != "postgresql":
            return f"the storage {self.shown} needs the package {package}; pip install it"
        usual = re.sub(r"^postgresql[^:]*", "postgresql+pg8000", self.shown)
        install = "pip install 'dclse-bench[postgres]'"
        if usual == self.shown:
            return f"the storage {self.shown} needs the package {package}: {install}"
        return (
            f"the storage {self.shown} needs the package {package}, which is not here; name it {usual}, and {install}"
        )

    def _engine(self) -> dict:
        """Waits as long as `WAIT`, and asks whether a connection still lives before it is used."""
        if not self.on_server:
            return {"connect_args": {"timeout": WAIT}}
        given = "timeout" if "+pg8000" in self.name else "connect_timeout"
        return {"connect_args": {given: int(WAIT)}, "pool_pre_ping": True}

    def _halt(self, reason: str) -> RunAbortedError:
        return RunAbortedError(f"the storage {self.shown}: {reason}. {KEPT}, and give the command again")

    def _other(self, what: str, why: str = "") -> BenchError:
        said = f"the storage {self.shown} is no {what}{why}, or damaged"
        return BenchError(f"{said}; it is left as it is: give another file with --storage, or put this one away")

    def _reason(self, error: BaseException) -> str | None:
        """What a database means, in words; None where the error is none of its own."""
        chain: list[BaseException] = []
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or error.__context__
        families = {type(one).__module__.partition(".")[0] for one in chain}
        if not families & {"sqlalchemy", "sqlite3", "psycopg2", "psycopg", "pg8000", "alembic"}:
            return None
        text = str(chain[-1]).strip().partition("\n")[0]
        if "locked" in text:
            return f"another program has it locked; waited {WAIT:g} s"
        if "full" in text:
            return REASONS[errno.ENOSPC]
        if "readonly" in text or "unable to open" in text:
            return "it cannot be opened to write"
        if "malformed" in text:
            return "it is damaged; give another file with --storage"
        return f"no answer that could be used ({text})"


def close(opened: BaseStorage) -> None:
    """Let go of the connections."""
    storage = getattr(opened, "_backend", opened)  # a cached storage holds the one with connections
    if hasattr(storage, "engine"):
        storage.remove_session()
        storage.engine.dispose()


def _mended(path: Path, lock: _Lock) -> str:
    """Cut off half a line that a killed process left at the end of a journal: what it was saying is unknown.

    Returns what in the file is of no journal, empty where nothing; such a file is left alone.
    """
    lock.acquire()
    try:
        content = path.read_bytes() if path.exists() else b""
        *lines, rest = content.split(b"\n")
        if strange := next((number for number, line in enumerate(lines, 1) if not _is_entry(line)), 0):
            return f"line {strange} of it is no entry of one"
        if rest and not (rest.startswith(BEGIN) or BEGIN.startswith(rest)):
            return f"line {len(lines) + 1} of it is no entry of one"
        if rest:
            with path.open("r+b") as file:
                file.truncate(len(content) - len(rest))
    finally:
        lock.release()
    return ""


def _is_entry(line: bytes) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and {"op_code", "worker_id"} <= entry.keys()


class _Lock:
    """The lock of a journal file: one that the kernel drops when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path, self.held = path.with_name(f".{path.name}.claim"), None

    def acquire(self) -> bool:
        ends = time.monotonic() + WAIT
        while (held := claim(self.path)) is None:
            if time.monotonic() > ends:
                storage = self.path.parent / self.path.name[1:-6]
                locked = f"the storage {storage}: another program has it locked; waited {WAIT:g} s"
                raise RunAbortedError(f"{locked}. {KEPT}, and give the command again")
            time.sleep(PAUSE)
        self.held: Lock | None = held
        return True

    def release(self) -> None:
        if self.held is not None:
            self.held.release()
            self.held = None


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna says of some of its parts that they are experimental; which version it is, is recorded."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
