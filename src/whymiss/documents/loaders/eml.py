"""E-mail: subject, sender, date and the text of the message."""

from __future__ import annotations

import email
import email.policy
from email.errors import MessageError
from email.message import EmailMessage

from whymiss.documents.encoding import codec_for, decode
from whymiss.documents.loaders import html
from whymiss.documents.parsed import Parsed, clean
from whymiss.errors import DocumentError

_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def load(data: bytes, name: str) -> Parsed:
    """Headers as lines, then the body; attachments are named and make the document partial.

    Raises
    ------
    DocumentError : there are neither headers nor a body.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:200]:
        data = decode(data).text.encode("utf-8")
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    headers = [f"{key}: {value}" for key in _HEADERS if (value := _header(message, key))]
    if not headers:
        raise DocumentError("not an e-mail: it has neither subject, sender nor date")
    problems: list[str] = []
    body, syntax_problems = _body(message)
    problems += syntax_problems
    attached = [
        _name(part) for part in message.walk() if part.get_content_disposition() == "attachment"
    ]
    if attached:
        problems.append(f"attachments are not read: {', '.join(attached)}")
    lines = "\n".join(headers)
    return Parsed(
        text=clean(f"{lines}\n\n{body.strip()}\n"),
        syntax="markdown",
        title=_header(message, "Subject"),
        metadata={
            key.lower(): value for key in ("From", "Date") if (value := _header(message, key))
        },
        problems=tuple(problems),
    )


def _header(message: EmailMessage, key: str) -> str:
    try:
        value = message.get(key)
    except (MessageError, ValueError, IndexError, AttributeError):
        # The header parser of the standard library fails on some hostile headers.
        value = next((raw for name, raw in message.raw_items() if name.lower() == key.lower()), "")
    return clean(" ".join(str(value or "").split()))


def _body(message: EmailMessage) -> tuple[str, list[str]]:
    plain = [part for part in _texts(message) if part.get_content_subtype() != "html"]
    parts = plain or list(_texts(message))
    if not parts:
        return "", ["the message has no text"]
    texts, problems = [], []
    for part in parts:
        text, problem = _part_text(part)
        texts.append(text)
        problems += problem
    return "\n\n".join(texts), problems


def _texts(message: EmailMessage) -> list[EmailMessage]:
    return [
        part
        for part in message.walk()
        if isinstance(part, EmailMessage)
        and part.get_content_maintype() == "text"
        and part.get_content_disposition() != "attachment"
    ]


def _part_text(part: EmailMessage) -> tuple[str, list[str]]:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    if part.get_content_subtype() == "html":
        parsed = html.load(raw, "body.html")
        return parsed.text, list(parsed.problems)
    codec = codec_for(part.get_content_charset() or "")
    try:
        return raw.decode(codec or "ascii"), []
    except UnicodeDecodeError:
        decoded = decode(raw)
        return decoded.text, [decoded.warning] if decoded.lossy else []


def _name(part: EmailMessage) -> str:
    return clean(part.get_filename() or f"unnamed {part.get_content_type()}")
