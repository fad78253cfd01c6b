"""A server as a child process: it gets the terminal, and ends when its parent is told to end."""

from __future__ import annotations

import errno
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from whymiss.errors import WhymissError

_LOOK_AGAIN: Final = 0.1
"""Seconds between two looks whether the server listens."""


def run_server(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    listens: tuple[str, int] | None = None,
    then: Callable[[], None] = lambda: None,
) -> int:
    """Run a server until it ends.

    Ctrl-C reaches the server as it reaches us: what it means is the server's affair. A request to
    terminate is passed on.

    Parameters
    ----------
    listens : host and port where the server will listen; None when nobody waits for that.
    then : called once it does.

    Returns
    -------
    int
        The exit status of the server.
    """
    with subprocess.Popen(list(arguments), env=dict(environment)) as server:
        before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            if listens is not None and _wait_until_it_listens(server, *listens):
                then()
            return _wait_until_it_ends(server)
        finally:
            signal.signal(signal.SIGTERM, before)


def check_port(host: str, port: int) -> None:
    """Nothing, when a server can listen there.

    Raises
    ------
    WhymissError : another program listens there already.
    OSError : the system refuses for another reason, such as a host that is not ours.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # A port that was left a moment ago is free; without this it looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise WhymissError(
                f"whymiss serve needs a port of its own; another program listens at {host} port "
                f"{port}. Name another one with --port."
            ) from error


def _wait_until_it_listens(server: subprocess.Popen[bytes], host: str, port: int) -> bool:
    """True once somebody can connect; False when the server ended before."""
    near = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
    while True:
        try:
            socket.create_connection((near, port), timeout=1).close()
        except OSError:
            try:
                server.wait(_LOOK_AGAIN)
            except subprocess.TimeoutExpired:
                continue
            except KeyboardInterrupt:
                _wait_until_it_ends(server)
            return False
        return True


def _wait_until_it_ends(server: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:
            continue
