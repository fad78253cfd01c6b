"""Runs the child process that reads one file, and turns however it ends into a reply."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from whymiss.documents.limits import Limits

_SOURCE = Path(__file__).resolve().parents[2]
_STDERR_TAIL = 4096


def read_limited(
    data: bytes,
    name: str,
    *,
    limits: Limits,
    sidecar: tuple[str, bytes] = ("", b""),
    sidecar_error: str = "",
) -> Mapping[str, Any]:
    """What the child made of these bytes: "status", "reason" and, where read, the document's parts.

    Never raises for anything the bytes can do: a crash, a time-out or too much output is a reply
    with status "failed".

    >>> read_limited(b"# Plans", "plans.md", limits=Limits())["title"]
    'Plans'
    """
    # Everything is written as JSON, where one character takes at most six bytes.
    output_bytes = 6 * limits.text_chars + (4 << 20)
    request = {
        "name": name,
        "sidecar_name": sidecar[0],
        "sidecar_bytes": len(sidecar[1]),
        "sidecar_error": sidecar_error,
        "text_chars": limits.text_chars,
        "memory_bytes": limits.memory_bytes,
        "cpu_seconds": limits.cpu_seconds,
        "output_bytes": output_bytes,
    }
    # Files instead of pipes: no reader threads, no deadlock, and RLIMIT_FSIZE caps the output.
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(json.dumps(request).encode() + b"\n" + sidecar[1] + data)
        stdin.seek(0)
        code, timed_out = _run(stdin, stdout, stderr, limits.wall_seconds)
        if code == 0 and stdout.seek(0, os.SEEK_END) <= output_bytes:
            stdout.seek(0)
            return _answer(stdout.read())
        return {"status": "failed", "reason": _last_words(code, timed_out, _tail(stderr), limits)}


def _answer(output: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(output)
    except (ValueError, RecursionError) as error:
        return {"status": "failed", "reason": f"its parser gave no valid answer: {error}"}
    if not isinstance(reply, dict) or not {"status", "reason"} <= reply.keys():
        return {"status": "failed", "reason": "its parser gave no valid answer"}
    return reply


def _run(
    stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes], wall_seconds: float
) -> tuple[int, bool]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-B", "-s", "-m", "whymiss.documents.child"],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=_environment(),
        cwd=_SOURCE,
        start_new_session=True,  # so that the child and all it started can be killed as one
    )
    timed_out = threading.Event()

    def stop() -> None:
        timed_out.set()
        _kill(process)

    # A timer with a blocking wait: `wait(timeout=…)` polls and adds up to 50 ms to every file.
    timer = threading.Timer(wall_seconds, stop)
    timer.start()
    try:
        return process.wait(), timed_out.is_set()
    finally:
        timer.cancel()
        if process.poll() is None:
            _kill(process)
            process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        return  # it ended by itself between the check and the signal


def _environment() -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(_SOURCE), *(os.path.abspath(path) for path in inherited if path)]
    kept = {key: os.environ[key] for key in ("SYSTEMROOT", "LD_LIBRARY_PATH") if key in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
    }


def _tail(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _STDERR_TAIL))
    lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _last_words(code: int, timed_out: bool, tail: str, limits: Limits) -> str:
    """Why the child gave no reply, for a person."""
    cpu = {-int(getattr(signal, "SIGXCPU", 0)), -int(getattr(signal, "SIGKILL", 9))}
    if timed_out:
        return f"stopped after {limits.wall_seconds:g} s"
    if "MemoryError" in tail or "Cannot allocate memory" in tail:
        return f"needs more than {limits.memory_bytes >> 20} MiB of memory"
    if "RecursionError" in tail:
        return "nested too deep to be read"
    if code in cpu:
        return f"stopped after {limits.cpu_seconds} s of processor time"
    if code < 0:
        return f"its parser crashed: {signal.strsignal(-code)} {tail}".rstrip()
    return f"its parser stopped: {tail or f'exit code {code}'}"
