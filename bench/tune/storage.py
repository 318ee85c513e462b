"""Where a search is remembered: Optuna's storage in SQLite, in a journal file, or in PostgreSQL.

What a storage refuses is told in a line: locked, full, unreachable, without its driver, of another study.
"""

from __future__ import annotations

import errno
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.claims import Claim, claim
from bench.core import BenchError, HaltError
from bench.disk import REASONS

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

WAIT = 30.0  # seconds for a storage that another program has locked, or that does not answer
PAUSE = 0.02  # seconds between two looks at a locked journal
SQLITE, JOURNAL = (".db", ".sqlite", ".sqlite3"), (".log", ".journal", ".jsonl")
SERVERS = ("postgresql", "mysql", "mariadb")


@dataclass(frozen=True)
class Storage:
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
                _mend(self.path, lock)
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
            package = error.name or getattr(error.__cause__, "name", None) or str(error)
            raise BenchError(f"the storage {self.shown} needs the package {package}; pip install it") from error
        except OSError as error:
            raise self._halt(REASONS.get(error.errno, str(error))) from error
        except Exception as error:
            reason = self._reason(error)
            if reason is None:
                raise
            raise self._halt(reason) from error

    def _engine(self) -> dict:
        """Waits as long as `WAIT`, and asks whether a connection still lives before it is used."""
        if not self.on_server:
            return {"connect_args": {"timeout": WAIT}}
        given = "timeout" if "+pg8000" in self.name else "connect_timeout"
        return {"connect_args": {given: int(WAIT)}, "pool_pre_ping": True}

    def _halt(self, reason: str) -> HaltError:
        kept = "What was tried is kept: mend this, and give the command again"
        return HaltError(f"the storage {self.shown}: {reason}. {kept}")

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
        if "not a database" in text or "malformed" in text:
            return "it is no SQLite database, or damaged; give another file"
        return f"no answer that could be used ({text})"


def close(opened: BaseStorage) -> None:
    """Let go of the connections."""
    storage = getattr(opened, "_backend", opened)  # a cached storage holds the one with connections
    if hasattr(storage, "engine"):
        storage.remove_session()
        storage.engine.dispose()


def _mend(path: Path, lock: _Lock) -> None:
    """Cut off half a line that a killed process left at the end of a journal: what it was saying is unknown."""
    lock.acquire()
    try:
        content = path.read_bytes() if path.exists() else b""
        if content and not content.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)
    finally:
        lock.release()


class _Lock:
    """The lock of a journal file: one that the kernel drops when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path, self.held = path.with_name(f".{path.name}.claim"), None

    def acquire(self) -> bool:
        ends = time.monotonic() + WAIT
        while (held := claim(self.path)) is None:
            if time.monotonic() > ends:
                raise HaltError(f"the storage {self.path.parent / self.path.name[1:-6]}: another program has it locked;"
                                f" waited {WAIT:g} s. What was tried is kept: give the command again")  # fmt: skip
            time.sleep(PAUSE)
        self.held: Claim | None = held
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
