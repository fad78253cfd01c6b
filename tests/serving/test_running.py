"""A server as a child process: when it is there, how it ends, and who is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from functools import partial

import pytest
from servers import free_port

from whymiss.errors import WhymissError
from whymiss.serving.running import check_port, run_server

LISTEN = "import socket, sys; s = socket.create_server(('127.0.0.1', {port})); {rest}"
PARENT = """
import sys
from whymiss.serving.running import run_server
server = 'import signal, sys, time\\ntry:\\n print("up", flush=True); time.sleep(60)\\n' \
    'except KeyboardInterrupt:\\n print("stopping", flush=True); sys.exit(5)'
sys.exit(run_server([sys.executable, "-c", server], {}))
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_exit_status_is_the_servers_and_it_sees_the_environment() -> None:
    code = "import os, sys; sys.exit(int(os.environ['STATUS']))"
    assert run_server(python(code), {"STATUS": "7"}) == 7


def test_who_waits_is_told_once_when_the_server_listens() -> None:
    port, told = free_port(), []

    def connect() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        told.append(port)

    # The server ends after two visits: the look whether it is there, and ours.
    code = LISTEN.format(port=port, rest="s.accept(); s.accept(); sys.exit(3)")
    assert run_server(python(code), {}, listens=("127.0.0.1", port), then=connect) == 3
    assert told == [port]


def test_nobody_is_told_of_a_server_that_ends_before_it_listens() -> None:
    def never() -> None:
        raise AssertionError("told of a server that is not there")

    listens = ("127.0.0.1", free_port())
    assert run_server(python("raise SystemExit(4)"), {}, listens=listens, then=never) == 4


@pytest.mark.parametrize(
    ("sent", "status", "said"), [(signal.SIGINT, 5, "stopping\n"), (signal.SIGTERM, -15, "")]
)
def test_what_ends_the_parent_ends_the_server_in_the_servers_own_way(
    sent: signal.Signals, status: int, said: str
) -> None:
    parent = subprocess.Popen(
        python(PARENT), stdout=subprocess.PIPE, text=True, start_new_session=True,
        # What a shell runs in the background is deaf to this signal, and so would its children be.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    if sent == signal.SIGINT:
        os.killpg(parent.pid, sent)  # a terminal sends it to both
    else:
        parent.send_signal(sent)
    assert parent.wait(20) == status % 256
    assert parent.stdout.read() == said
    parent.stdout.close()


def test_a_port_that_is_taken_is_refused_by_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WhymissError, match=f"listens at 127.0.0.1 port {port}.*--port"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_a_host_that_is_not_ours_is_the_systems_affair() -> None:
    with pytest.raises(OSError, match="assign requested address"):
        check_port("192.0.2.1", 8866)
