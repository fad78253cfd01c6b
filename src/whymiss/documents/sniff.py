"""What a file is, by its first bytes before its name."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath

from whymiss.documents.loaders.code import LANGUAGES
from whymiss.errors import RefusedFileError

_BY_SUFFIX = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mdx", ".qmd"), "markdown"),
    **dict.fromkeys((".rst", ".rest"), "rst"),
    **dict.fromkeys((".adoc", ".asciidoc", ".asc"), "asciidoc"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".csv", ".tsv", ".tab"), "csv"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "json"),
    **dict.fromkeys((".yaml", ".yml"), "yaml"),
    **dict.fromkeys((".xml", ".rss", ".atom", ".xsd", ".svg", ".opml"), "xml"),
    **dict.fromkeys((".txt", ".text", ".log", ".srt", ".vtt"), "text"),
    **dict.fromkeys(LANGUAGES, "code"),
    ".pdf": "pdf",
    ".docx": "docx",
    ".ipynb": "ipynb",
    ".eml": "eml",
}
_NOT_READ = (
    (b"\xd0\xcf\x11\xe0", "old or password-protected Microsoft Office"),
    (b"\x89PNG", "PNG picture"),
    (b"\xff\xd8\xff", "JPEG picture"),
    (b"GIF8", "GIF picture"),
    (b"II*\0", "TIFF picture"),
    (b"MM\0*", "TIFF picture"),
    (b"\x1f\x8b", "gzip archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ", "xz archive"),
    (b"7z\xbc\xaf", "7z archive"),
    (b"Rar!", "RAR archive"),
    (b"\x28\xb5\x2f\xfd", "zstd archive"),
    (b"\x7fELF", "program"),
    (b"MZ\x90", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"\0asm", "WebAssembly"),
    (b"SQLite format 3\0", "SQLite database"),
    (b"PAR1", "Parquet table"),
    (b"{\\rtf", "RTF"),
    (b"%!PS", "PostScript"),
    (b"OggS", "sound or film"),
    (b"ID3", "sound or film"),
    (b"RIFF", "sound, film or picture"),
)
_ZIPPED = (
    ("word/", "docx"),
    ("xl/", "xlsx spreadsheet"),
    ("ppt/", "pptx slides"),
    ("META-INF/container.xml", "EPUB book"),
    ("content.xml", "OpenDocument"),
)
_HTML_START = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.I | re.S)
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")


def identify(data: bytes, name: str) -> tuple[str, str]:
    """The format of a file, and a warning where its name says something else.

    Raises
    ------
    RefusedFileError : the format is not read, or the content is not what the name promises.

    >>> identify(b"%PDF-1.7 ...", "letter.txt")
    ('pdf', 'named .txt, but the content is pdf')
    >>> identify(b"# Plans", "plans.md")
    ('markdown', '')
    """
    suffix = PurePosixPath(name).suffix.lower()
    named = _BY_SUFFIX.get(suffix, "text")
    found = _by_content(data, named)
    if found is None and named in ("pdf", "docx"):
        raise RefusedFileError(f"named {suffix}, but the content is not {named}")
    if found is None or found == named:
        return named, ""
    return found, f"named {suffix or 'without a suffix'}, but the content is {found}"


def _by_content(data: bytes, named: str) -> str | None:
    head = data[:1024]
    if head.lstrip()[:5] == b"%PDF-" or (named == "pdf" and b"%PDF-" in head):
        return "pdf"
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return _zipped(data)
    for magic, what in _NOT_READ:
        if head.startswith(magic):
            raise RefusedFileError(f"format not read: {what}")
    if head[4:8] == b"ftyp":
        raise RefusedFileError("format not read: sound, film or picture")
    if not head.startswith(_MARKS):
        _refuse_binary(data)
    if named in ("text", "xml") and _HTML_START.match(head):
        return "html"
    return None


def _refuse_binary(data: bytes) -> None:
    sample = data[: 1 << 16]
    controls = sum(sample.count(byte) for byte in range(1, 32) if byte not in b"\t\n\f\r\x1b")
    zeros = sample.count(0)
    # Zero bytes are half of UTF-16 and three quarters of UTF-32: those stand on a few lanes only.
    lanes = [sample[lane::4].count(0) for lane in range(4)]
    scattered = zeros > len(sample) * 0.02 and min(lanes) > zeros * 0.05
    if controls > len(sample) * 0.05 or scattered:
        raise RefusedFileError("format not read: binary content")


def _zipped(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise RefusedFileError(f"damaged zip archive: {error}") from error
    for start, kind in _ZIPPED:
        if any(name.startswith(start) for name in names):
            if kind != "docx":
                raise RefusedFileError(f"format not read: {kind}")
            return kind
    raise RefusedFileError("format not read: zip archive")
