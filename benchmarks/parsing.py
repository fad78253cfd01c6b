"""Read a folder of difficult files: every one must end with a verdict, none may hang or crash.

Text files named `<encoding>__<name>` are also checked for their encoding: right means the same
words as decoding with the encoding in the name gives.
"""

from __future__ import annotations

import argparse
import codecs
from collections import Counter
from pathlib import Path
from typing import Any

from reporting import report
from whymiss.documents import read_folder
from whymiss.documents.encoding import decode


def encoding_verdicts(folder: Path) -> list[tuple[str, bool]]:
    """For each file that names its encoding, whether it was decoded as that encoding gives."""
    verdicts = []
    for path in sorted(folder.rglob("*__*")):
        truth = named_encoding(path.name)
        if truth:
            data = path.read_bytes()
            expected = data.decode(truth, errors="replace").lstrip("\ufeff")
            verdicts.append((path.name, decode(data).text.lstrip("\ufeff") == expected))
    return verdicts


def named_encoding(file_name: str) -> str:
    """The encoding before "__", with or without a language behind it; empty when there is none.

    >>> named_encoding("windows-1250-czech__a.txt"), named_encoding("plain.txt")
    ('windows-1250', '')
    """
    label = file_name.split("__")[0] if "__" in file_name else ""
    for name in (label, label.rpartition("-")[0]):
        try:
            codecs.lookup(name)
        except LookupError:
            continue
        return name
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    files = list(read_folder(folder, allowed=["*"]))
    slowest = max(files, key=lambda f: f.seconds)
    statuses = Counter(f.status for f in files)
    encodings = encoding_verdicts(folder)
    for name, right in encodings:
        if not right:
            print(f"encoding {name}: not as named")
    for file in files:
        if file.status != "ok":
            print(f"{file.status:8} {file.doc_id}: {file.reason}")
    row: dict[str, Any] = {
        "files": len(files),
        **{s: statuses[s] for s in ("ok", "partial", "refused", "failed")},
        "encodings_right": sum(right for _, right in encodings),
        "encodings_named": len(encodings),
        "slowest_s": slowest.seconds,
        "slowest": slowest.doc_id,
    }
    report("parsing", [row])


if __name__ == "__main__":
    main()
