"""Optuna storages of a search: SQLite, a journal file, or a database server such as PostgreSQL.

Errors of a storage become a message of one line: locked, full, unreachable, missing driver, owned by another study.
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

from bench.core import BenchError, RunAbortedError, paths
from bench.storage.atomic_io import REASONS
from bench.storage.locks import Lock, acquire_lock

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

WAIT = 30.0  # seconds to wait for a locked storage or a server
PAUSE = 0.02  # seconds between two attempts to lock a journal
RESUME = "Stored candidates are kept; fix this and run the same command again"
ENTRY_START = b'{"op_code":'  # of a line of a journal
SQLITE, JOURNAL = (".db", ".sqlite", ".sqlite3"), (".log", ".journal", ".jsonl")
SERVERS = ("postgresql", "mysql", "mariadb")


@dataclass(frozen=True)
class OptunaStorage:
    """A storage by its name: a file (`.db` is SQLite, `.log` a journal) or the URL of a database."""

    name: str

    def __post_init__(self) -> None:
        if not self.is_url and self.path.suffix not in SQLITE + JOURNAL:
            raise BenchError(
                f"no storage {self.name!r}: give a file that ends in {', '.join(SQLITE)} (SQLite) or"
                f" {', '.join(JOURNAL)} (a journal), or a URL such as postgresql://user@host/database"
            )
        if self.is_url and self.name.partition(":")[0].partition("+")[0] not in ("sqlite", *SERVERS):
            raise BenchError(f"no storage {self.safe_name!r}: a URL begins with sqlite, {', '.join(SERVERS)}")

    @property
    def is_url(self) -> bool:
        """Whether the name is a URL."""
        return "://" in self.name

    @property
    def path(self) -> Path:
        """Path of the file, if the storage is a file."""
        return paths.expand(_database_of(self.name) if self.is_url else self.name)

    @property
    def on_server(self) -> bool:
        """Whether a database server holds the storage."""
        return self.is_url and not self.name.startswith("sqlite")

    @property
    def safe_name(self) -> str:
        """The name without its password, for messages."""
        return re.sub(r"(://[^:/@]+):[^@]*@", r"\1:***@", self.name)

    @property
    def absolute(self) -> str:
        """The name that is valid from any working folder, without its password."""
        return self.safe_name if self.on_server else str(self.path.resolve())

    @property
    def kind(self) -> str:
        """`sqlite`, `journal`, or the kind of the database server."""
        if self.on_server:
            return self.name.partition(":")[0].partition("+")[0]
        return "journal" if self.path.suffix in JOURNAL else "sqlite"

    def open(self) -> BaseStorage:
        """Open Optuna's storage. BenchError or RunAbortedError if that fails."""
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with self.translate_errors(), no_experimental_warnings():
            if not self.on_server:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.kind == "journal":
                lock = _JournalLock(self.path)
                if fault := _repair_journal(self.path, lock):
                    raise self._wrong_file("journal of Optuna", f" ({fault})")
                return optuna.storages.JournalStorage(JournalFileBackend(str(self.path), lock))
            url = self.name if self.is_url else _sqlite_url(self.path)
            return optuna.storages.get_storage(optuna.storages.RDBStorage(url, engine_kwargs=self._engine_options()))

    @property
    def exists(self) -> bool:
        """Whether the file exists; True for a server, which is contacted only by `open`."""
        return self.on_server or self.path.is_file()

    @contextmanager
    def opened(self) -> Iterator[BaseStorage]:
        """Open Optuna's storage and close it at the end. Raises what `open` and `translate_errors` raise."""
        backend = self.open()
        try:
            with self.translate_errors():
                yield backend
        finally:
            close_storage(backend)

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turn errors of the storage into a BenchError of one line; other errors pass through."""
        try:
            yield
        except BenchError:
            raise
        except ImportError as error:
            raise BenchError(self._missing_driver(error)) from error
        except OSError as error:
            raise self._aborted(REASONS.get(error.errno, str(error))) from error
        except Exception as error:
            if "file is not a database" in str(error):
                raise self._wrong_file("SQLite database") from error
            reason = self._database_reason(error)
            if reason is None:
                raise
            raise self._aborted(reason) from error

    def check_writable(self) -> None:
        """Create the folder of a file storage. RunAbortedError if no file can be written there."""
        if self.on_server:
            return
        folder = self.path.resolve().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            reasons = {**REASONS, errno.ENOENT: "no file can be created there", errno.EEXIST: REASONS[errno.ENOTDIR]}
            reason = reasons.get(error.errno, str(error))
            raise RunAbortedError(
                f"cannot create the storage {self.safe_name} in {folder}: {reason}; fix this, or give a file in another"
                " folder with --storage"
            ) from error

    def _missing_driver(self, error: ImportError) -> str:
        """Message that names the missing database driver and how to install one."""
        package = error.name or getattr(error.__cause__, "name", None) or str(error)
        if self.kind != "postgresql":
            return f"the storage {self.safe_name} needs the package {package}; pip install it"
        usual = re.sub(r"^postgresql[^:]*", "postgresql+pg8000", self.safe_name)
        install = "pip install 'dclse-bench[postgres]'"
        if usual == self.safe_name:
            return f"the storage {self.safe_name} needs the package {package}: {install}"
        return (
            f"the storage {self.safe_name} needs the package {package}, which is not installed; name it {usual}, and"
            f" {install}"
        )

    def _engine_options(self) -> dict:
        """Options of SQLAlchemy: wait up to `WAIT`, and test a server connection before each use."""
        if not self.on_server:
            return {"connect_args": {"timeout": WAIT}}
        option = "timeout" if "+pg8000" in self.name else "connect_timeout"
        return {"connect_args": {option: int(WAIT)}, "pool_pre_ping": True}

    def _aborted(self, reason: str) -> RunAbortedError:
        return RunAbortedError(f"the storage {self.safe_name}: {reason}. {RESUME}")

    def _wrong_file(self, expected: str, detail: str = "") -> BenchError:
        return BenchError(
            f"the storage {self.safe_name} is not a {expected}{detail}, or is damaged; it was not changed: give another"
            " file with --storage, or move this one away"
        )

    def _database_reason(self, error: BaseException) -> str | None:
        """The reason of a database error in plain words; None for other errors."""
        chain: list[BaseException] = []
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or error.__context__
        families = {type(one).__module__.partition(".")[0] for one in chain}
        if not families & {"sqlalchemy", "sqlite3", "psycopg2", "psycopg", "pg8000", "alembic"}:
            return None
        text = str(chain[-1]).strip().partition("\n")[0]
        if "locked" in text:
            return f"locked by another program; waited {WAIT:g} s"
        if "full" in text:
            return REASONS[errno.ENOSPC]
        if "readonly" in text or "unable to open" in text:
            return "it cannot be opened for writing"
        if "malformed" in text:
            return "it is damaged; give another file with --storage"
        return f"the database did not answer as expected ({text})"


def _sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, with every sign of its path escaped that means something in a URL or to Optuna."""
    from sqlalchemy import URL, make_url

    url = URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
    if make_url(url).database != str(path) or {"{", "}"} & {*url}:  # a version that does not escape
        raise BenchError(f"SQLite cannot be named {path}: give a path without ?, #, % and braces with --storage")
    return url


def _database_of(url: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).database or ""


def close_storage(backend: BaseStorage) -> None:
    """Close the database connections."""
    storage = getattr(backend, "_backend", backend)  # a cached storage wraps the one with connections
    if hasattr(storage, "engine"):
        storage.remove_session()
        storage.engine.dispose()


def _repair_journal(path: Path, lock: _JournalLock) -> str:
    """Remove the incomplete last line that a killed process left in a journal.

    Returns which line is not an entry of a journal, empty if all are; a file with such a line is not changed.
    """
    lock.acquire()
    try:
        content = path.read_bytes() if path.exists() else b""
        *lines, rest = content.split(b"\n")
        if invalid := next((number for number, line in enumerate(lines, 1) if not _is_entry(line)), 0):
            return f"line {invalid} is not an entry of one"
        if rest and not (rest.startswith(ENTRY_START) or ENTRY_START.startswith(rest)):
            return f"line {len(lines) + 1} is not an entry of one"
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


class _JournalLock:
    """Lock of a journal file; the kernel releases it when the process exits."""

    def __init__(self, path: Path) -> None:
        self.storage, self.path = path, path.with_name(f".{path.name}.claim")
        self.lock: Lock | None = None

    def acquire(self) -> bool:
        deadline = time.monotonic() + WAIT
        while (lock := acquire_lock(self.path)) is None:
            if time.monotonic() > deadline:
                locked = f"the storage {self.storage}: locked by another program; waited {WAIT:g} s"
                raise RunAbortedError(f"{locked}. {RESUME}")
            time.sleep(PAUSE)
        self.lock = lock
        return True

    def release(self) -> None:
        if self.lock is not None:
            self.lock.release()
            self.lock = None


@contextmanager
def no_experimental_warnings() -> Iterator[None]:
    """Hide Optuna's warnings about experimental features; the version of Optuna is stored with the search."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
