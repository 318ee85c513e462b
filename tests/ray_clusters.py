"""A real Ray cluster on this machine: each node a `ray start` of its own with its own resources, on the loopback.

A node may have another environment than this process, or see another file in place of a folder (a mount of its own).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# `ray start` listens at all addresses of the machine unless it is kept from looking up another than it is given.
ENTRY = "from ray._private import services; services.resolve_ip_for_localhost = str\n"
ENTRY += "from ray.scripts.scripts import main; main()"
OWN = (
    "BENCH_DATA",
    "BENCH_RESULTS",
    "BENCH_PLUGINS",
    "RAY_ADDRESS",
)  # of a test, not of a node
LONGEST = 120.0  # seconds that a node may take to begin, on a machine that is busy


class Cluster:
    """Nodes by name. Used in a `with`, so that no process is left."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rc-", dir="/tmp"))  # short: sockets lie below it
        self.nodes: dict[str, subprocess.Popen] = {}
        self.address, self.port = "", 0

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.nodes)[::-1]:
            self.kill(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name: str, **how: Any) -> None:
        """Begin a node, the first one with the head; see `_begin`. Ray itself gives up where a machine is very busy."""
        for attempt in range(3):
            self._begin(name, **how)
            if self._began(name):
                return
            output = (self.folder / f"{name}.log").read_text()
            self.kill(name)
            assert "timed out" in output or attempt < 2, output
        raise AssertionError(output)

    def _begin(self, name: str, hidden: Path | None = None, resources: dict | None = None, **environment: str) -> None:
        """A node with one processor. hidden: a folder that it sees empty."""
        options = {"num-cpus": 1, "object-store-memory": 100_000_000, "node-name": name, "node-ip-address": "127.0.0.1"}
        resources = dict(resources or {})
        options["resources"] = json.dumps(resources.pop("custom", {}))
        options |= {key.replace("_", "-"): value for key, value in resources.items()}
        if self.address:
            options["address"] = self.address
        else:
            options |= {"port": free_port(), "temp-dir": str(self.folder), "include-dashboard": "false"}
        words = [sys.executable, "-c", ENTRY, "start", "--block", "--disable-usage-stats"]
        words += ["--head"] if "port" in options else []
        words += [f"--{key}={value}" for key, value in options.items()]
        if hidden is not None:
            mount = f'mount -t tmpfs tmpfs "{hidden}" && exec "$@"'
            words = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh", *words]
        around = {key: value for key, value in os.environ.items() if key not in OWN}
        around |= {"RAY_AUTH_MODE": "disabled", **environment}
        log = (self.folder / f"{name}.log").open("wb")
        self.nodes[name] = subprocess.Popen(words, stdout=log, stderr=log, env=around, start_new_session=True)
        log.close()
        self.port = options.get("port", self.port)

    def _began(self, name: str) -> bool:
        """Whether the node is there; waits for it, or for its end."""
        until = time.monotonic() + LONGEST
        while self.nodes[name].poll() is None and time.monotonic() < until:
            if "Ray runtime started" in (self.folder / f"{name}.log").read_text():
                self.address = f"127.0.0.1:{self.port}"
                return True
            time.sleep(0.1)
        return False

    def may_hide(self) -> bool:
        """Whether a node may have a mount of its own here."""
        words = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", str(self.folder)]
        try:
            return subprocess.run(words, capture_output=True).returncode == 0
        except OSError:
            return False

    def kill(self, name: str) -> None:
        """End a node as a power cut does: all of its processes at once."""
        node = self.nodes.pop(name)
        for pid in [node.pid, *below(node.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        node.wait()


def below(pid: int) -> list[int]:
    """All processes that descend from `pid`."""
    lines = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in lines.splitlines()[1:]]
    found = {pid}
    while more := {child for child, parent in pairs if parent in found} - found:
        found |= more
    return sorted(found - {pid})


def free_port() -> int:
    """A free port of the loopback."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]
