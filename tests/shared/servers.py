"""Servers as child processes: started on a free port, waited for, stopped, with their log."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from whymiss.serving.commands import lab_command
from whymiss.serving.environment import server_environment


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def jupyter_folders(folder: Path) -> dict[str, str]:
    """Settings, data and history of a Jupyter of its own, so that no user's ones are read."""
    names = {
        "JUPYTER_CONFIG_PATH": "more-config", "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_PATH": "more-data", "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
    }  # fmt: skip
    return {variable: str(folder / name) for variable, name in names.items()}


@contextmanager
def running(
    arguments: Sequence[str], environment: Mapping[str, str], *, ready: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A server from the moment when it answers at the address `ready` to the end of the block."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            arguments, env=dict(environment), stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        wait_until_ready(process, ready, log=log)
        yield process
    finally:
        stop(process)


def wait_until_ready(
    process: subprocess.Popen[bytes], url: str, *, log: Path, seconds: float = 60
) -> None:
    """Return as soon as the address answers; fail with the log when it never will."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass  # nobody listens yet
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the server ended with {process.returncode}:\n{log.read_text()}")
    raise AssertionError(f"{url} did not answer within {seconds} s:\n{log.read_text()}")


def stop(process: subprocess.Popen[bytes], *, seconds: float = 20) -> None:
    """Ask a server to end, with its kernels; end it by force when it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class LabServer:
    """A JupyterLab that runs: its address without a slash, its token, the folder it shows."""

    origin: str
    token: str
    root: Path

    def shut_kernel(self, name: str) -> None:
        """End the kernel of a notebook of the root folder, if it has one."""
        with httpx.Client(
            base_url=self.origin, headers={"Authorization": f"token {self.token}"}
        ) as api:
            for session in api.get("/api/sessions").raise_for_status().json():
                if session["path"] == name:
                    api.delete(f"/api/sessions/{session['id']}").raise_for_status()

    def n_kernels(self) -> int:
        """How many kernels run."""
        found = httpx.get(f"{self.origin}/api/kernels?token={self.token}").raise_for_status()
        return len(found.json())


@contextmanager
def running_lab(folder: Path) -> Iterator[LabServer]:
    """A JupyterLab with fresh settings, the news off and an empty root, all inside `folder`."""
    root = folder / "notebooks"
    root.mkdir()
    port, token = free_port(), secrets.token_hex(16)
    server = LabServer(f"http://127.0.0.1:{port}", token, root)
    environment = server_environment(
        {**os.environ, **jupyter_folders(folder)}, store=str(folder / "store")
    )
    command = (
        *lab_command(sys.executable, root, port=port, browser=False, user=os.getuid()),
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
    )  # fmt: skip
    ready = f"{server.origin}/api/status?token={token}"
    with running(command, environment, ready=ready, log=folder / "server.log"):
        yield server
