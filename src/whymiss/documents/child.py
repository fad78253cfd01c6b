"""The limited process that reads one file: `python -m whymiss.documents.child`.

Standard input is a JSON line (name, sizes, limits), then the sidecar, then the file. Standard
output is one JSON object. Anything unforeseen ends the process, and the parent reports its last
words; nothing is caught here that was not raised on purpose.
"""

from __future__ import annotations

import json
import sys
from typing import Any

_FORBIDDEN = (
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen",
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.remove",
    "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree",
)  # fmt: skip


def main() -> None:
    """Read one request from standard input and answer it on standard output."""
    request = json.loads(sys.stdin.buffer.readline())
    unbounded = limit_resources(request)
    sys.addaudithook(_deny)
    sidecar = sys.stdin.buffer.read(request["sidecar_bytes"])
    data = sys.stdin.buffer.read()
    reply = answer(data, sidecar, request)
    if unbounded and "warnings" in reply:
        reply["warnings"].append(f"limits this system refused: {', '.join(unbounded)}")
    sys.stdout.buffer.write(json.dumps(reply, ensure_ascii=False).encode("utf-8"))


def limit_resources(request: dict[str, Any]) -> list[str]:
    """Bound memory, processor time, files and output of this process; names of bounds refused.

    Windows has none of them (see `Limits`); there the parent's clock is the only bound.
    """
    try:
        import resource
    except ModuleNotFoundError:
        return []
    bounds = {
        "AS": request["memory_bytes"],
        "CPU": request["cpu_seconds"],
        "FSIZE": request["output_bytes"],
        "CORE": 0,
        "NOFILE": 64,
    }
    refused = []
    for name, wanted in bounds.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(kind)
        bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):
            # macOS refuses to bound the address space; the other bounds and the clock still hold.
            refused.append(f"RLIMIT_{name}")
    return refused


def answer(data: bytes, sidecar: bytes, request: dict[str, Any]) -> dict[str, Any]:
    """The reply to one request, as JSON can hold it."""
    from whymiss.errors import DocumentError, RefusedFileError

    kind = ""
    try:
        from whymiss.documents import loaders, sniff

        kind, misnamed = sniff.identify(data, request["name"])
        parsed = loaders.load(kind, data, request["name"])
    except RefusedFileError as error:
        return {"status": "refused", "reason": str(error), "format": kind}
    except DocumentError as error:
        return {"status": "failed", "reason": str(error), "format": kind}
    return {"format": kind, **_reply(parsed, misnamed, sidecar, request)}


def _reply(parsed: Any, misnamed: str, sidecar: bytes, request: dict[str, Any]) -> dict[str, Any]:
    from whymiss.documents.metadata import flatten, parse_sidecar, settle
    from whymiss.documents.parsed import Stated, clean, title_from_name

    beside = Stated(error=request["sidecar_error"])
    if request["sidecar_name"]:
        beside = parse_sidecar(sidecar, request["sidecar_name"])
    facts = settle(parsed.stated, beside)
    problems = list(parsed.problems)
    if facts.error:
        problems.append(f"{facts.error}; therefore readable by nobody")
    text, most = parsed.text, request["text_chars"]
    if not text.strip():
        return {"status": "failed", "reason": "; ".join([*problems, "holds no text"])}
    if len(text) > most:
        problems.append(f"text cut after {most} of {len(text)} characters")
        text = text[:most]
    return {
        "status": "partial" if problems else "ok",
        "reason": "; ".join(problems),
        "text": text,
        "syntax": parsed.syntax,
        "title": clean(facts.title or parsed.title or title_from_name(request["name"])),
        "allowed": facts.allowed,
        "modified": facts.modified,
        "metadata": {**flatten(parsed.metadata), **facts.metadata},
        "warnings": [w for w in (misnamed, *parsed.warnings) if w],
    }


def _deny(event: str, arguments: tuple[Any, ...]) -> None:
    # Reading a file needs none of these. A second wall behind careful parsers, not a jail.
    if event in _FORBIDDEN:
        raise PermissionError(f"a loader tried {event}")


if __name__ == "__main__":
    main()
