"""Source code, kept as it stands."""

from __future__ import annotations

import dataclasses
from pathlib import PurePosixPath
from typing import Final

from whymiss.documents.parsed import Parsed

LANGUAGES: Final = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript",
    ".cjs": "javascript", ".jsx": "javascript", ".ts": "typescript", ".tsx": "typescript",
    ".go": "go", ".java": "java", ".rs": "rust", ".c": "c", ".h": "c", ".cc": "cpp",
    ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".cs": "csharp", ".rb": "ruby", ".php": "php",
    ".sh": "shell", ".bash": "shell", ".zsh": "shell", ".ps1": "powershell", ".sql": "sql",
    ".kt": "kotlin", ".kts": "kotlin", ".swift": "swift", ".scala": "scala", ".r": "r",
    ".lua": "lua", ".pl": "perl", ".dart": "dart", ".ex": "elixir", ".exs": "elixir",
    ".hs": "haskell", ".css": "css", ".scss": "scss", ".proto": "protobuf",
    ".graphql": "graphql", ".tf": "terraform", ".toml": "toml", ".ini": "ini",
}  # fmt: skip


def load(data: bytes, name: str) -> Parsed:
    """The text as it stands, with its language as metadata. The title is the file name.

    >>> load(b"print(1)", "hello.py").metadata
    {'language': 'python'}
    """
    from whymiss.documents.loaders import text

    path = PurePosixPath(name)
    language = LANGUAGES.get(path.suffix.lower(), "")
    parsed = text.load_as("code", data, front_matter=False)
    return dataclasses.replace(
        parsed, title=path.name, metadata={"language": language} if language else {}
    )
