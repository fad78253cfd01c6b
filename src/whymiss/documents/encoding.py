"""Bytes to text: evidence first, statistics last, and never a silent guess.

Order of evidence: byte order mark, the zero bytes of UTF-16 and UTF-32, valid UTF-8 (random text
in another encoding almost never is), what the file declares of itself, statistics.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from whymiss.documents.alphabets import likeliest_latin

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the shorter one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]+)"""
    rb"""|<meta[^>]{0,300}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]+)"""
    rb"""|^[ \t\f]*\#.{0,80}?coding[:=][ \t]*([-\w.]+)""",
    re.IGNORECASE | re.MULTILINE,
)
_DECLARATION_BYTES = 4096
_SAMPLE_BYTES = 1 << 16

# What a label means on the web (WHATWG Encoding): the superset that writers really use.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text, the encoding it was read with, and a warning where that is not certain.

    `lossy` says that some bytes had no meaning in that encoding and are replaced by U+FFFD.
    """

    text: str
    encoding: str
    warning: str = ""
    lossy: bool = False


def decode(data: bytes) -> Decoded:
    """Read bytes as text.

    >>> decode("Grüße".encode("utf-16")).text
    'Grüße'
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _certain(data.removeprefix(mark), encoding)
    wide = _wide(data)
    if wide:
        return _certain(data, wide)
    escaped = "iso2022_jp" if b"\x1b$" in data or b"\x1b(J" in data else ""
    for encoding in (escaped, "utf-8", declared_encoding(data)):
        text = _strict(data, encoding)
        if text is not None:
            return Decoded(text, encoding)
    return _guessed(data)


def declared_encoding(data: bytes) -> str:
    """The encoding a file names for itself, as Python calls the one meant; empty where none is.

    >>> declared_encoding(b'<meta charset="iso-8859-1">')
    'cp1252'
    """
    match = _DECLARED.search(data[:_DECLARATION_BYTES])
    label = next((group for group in match.groups() if group), b"") if match else b""
    return codec_for(label.decode("ascii"))


def codec_for(label: str) -> str:
    """The Python codec that a label stands for on the web; empty where there is no text codec.

    >>> codec_for("latin1"), codec_for("no such thing"), codec_for("base64")
    ('cp1252', '', '')
    """
    try:
        info = codecs.lookup(label.strip().lower())
    except (LookupError, UnicodeError, ValueError):
        return ""  # an unknown label is no evidence; the caller goes on to the next kind
    if not getattr(info, "_is_text_encoding", True):
        return ""
    meant = _MEANT.get(info.name, info.name)
    # UTF-16 declared inside bytes that could be read as ASCII cannot be true.
    return "" if meant.startswith(("utf-16", "utf-32", "idna", "punycode")) else meant


def _strict(data: bytes, encoding: str) -> str | None:
    if not encoding:
        return None
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _certain(data: bytes, encoding: str) -> Decoded:
    text = _strict(data, encoding)
    if text is not None:
        return Decoded(text, encoding)
    return _replaced(data, encoding)


def _replaced(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, "replace")
    lost = text.count("\ufffd")
    return Decoded(text, encoding, f"{lost} places are not {encoding} and were replaced", True)


def _wide(data: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, told by which bytes of each unit are zero."""
    sample = data[:_SAMPLE_BYTES]
    sample = sample[: len(sample) // 4 * 4]
    if len(sample) < 8 or b"\0" not in sample:
        return ""
    quarter = len(sample) // 4
    zeros = [sample[lane::4].count(0) / quarter for lane in range(4)]
    # The three high bytes of UTF-32 hold at most plane 16, so two lanes are nearly all zero.
    if len(data) % 4 == 0 and min(zeros[0], zeros[1]) > 0.5 and zeros[3] < 0.3:
        return "utf-32-be"
    if len(data) % 4 == 0 and min(zeros[2], zeros[3]) > 0.5 and zeros[0] < 0.3:
        return "utf-32-le"
    even, odd = (zeros[0] + zeros[2]) / 2, (zeros[1] + zeros[3]) / 2
    if even > 0.3 and odd < 0.1:
        return "utf-16-be"
    return "utf-16-le" if odd > 0.3 and even < 0.1 else ""


def _guessed(data: bytes) -> Decoded:
    # Imported late: most files are UTF-8 and never need the tables behind it.
    from charset_normalizer import from_bytes

    # Only lines with something beyond ASCII tell encodings apart.
    sample = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[:_SAMPLE_BYTES]
    best = from_bytes(sample).best()
    if best is None:
        # No single encoding explains the bytes. UTF-8 with a few strays is the commonest mixture.
        utf8 = _replaced(data, "utf-8")
        share = utf8.text.count("\ufffd") / max(len(utf8.text), 1)
        return utf8 if share < 0.05 else _replaced(data, "cp1252")
    encoding = likeliest_latin(sample, codec_for(best.encoding) or best.encoding)
    text = _strict(data, encoding)
    if text is None:
        return _replaced(data, encoding)
    return Decoded(text, encoding, f"encoding guessed from the letters: {encoding}")
