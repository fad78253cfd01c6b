"""The zip archive around a Word document, opened with its sizes checked before anything is read."""

from __future__ import annotations

import io
import zipfile
import zlib
from xml.etree.ElementTree import Element

from whymiss.errors import DocumentError, RefusedFileError

_MAX_ENTRIES = 10_000
_MAX_PART = 200 << 20
_MAX_RATIO = 200
_FREE_SIZE = 1 << 20  # parts smaller than this may be packed as tightly as they like


def local(element: Element) -> str:
    """The tag without its namespace: strict and transitional files differ in nothing else."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def child(element: Element | None, tag: str) -> Element | None:
    """The first child with this local tag."""
    if element is None:
        return None
    return next((item for item in element if local(item) == tag), None)


def attribute(element: Element | None, name: str) -> str:
    """An attribute by its local name; empty where it is missing."""
    if element is None:
        return ""
    return next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == name), "")


class Package:
    """Parts of the archive by name.

    Raises
    ------
    RefusedFileError : too many parts, or one that unpacks to far more than it takes.
    DocumentError : not a readable archive.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            entries = self._zip.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DocumentError(f"damaged archive: {error}") from error
        if len(entries) > _MAX_ENTRIES:
            raise RefusedFileError(f"an archive of more than {_MAX_ENTRIES} parts")
        for entry in entries:
            packed = max(entry.compress_size, 1)
            bomb = entry.file_size > _FREE_SIZE and entry.file_size / packed > _MAX_RATIO
            # Pictures may be as large as they like; they are never unpacked.
            if bomb or (entry.filename.endswith(".xml") and entry.file_size > _MAX_PART):
                raise RefusedFileError(
                    f"a zip bomb: {entry.filename} unpacks from {packed} to {entry.file_size} bytes"
                )
        self._names = {entry.filename for entry in entries}

    def part(self, name: str) -> Element | None:
        """One XML part; None where the archive has none of that name."""
        import defusedxml
        from defusedxml.ElementTree import ParseError, fromstring

        if name not in self._names:
            return None
        try:
            with self._zip.open(name) as file:
                data = file.read(_MAX_PART + 1)  # the sizes in the archive may lie
        except (
            zipfile.BadZipFile,
            zlib.error,
            RuntimeError,
            NotImplementedError,
            EOFError,
            OSError,
        ) as error:
            raise DocumentError(f"damaged archive: {name}: {error}") from error
        if len(data) > _MAX_PART:
            raise RefusedFileError(f"a zip bomb: {name} is larger than it says")
        try:
            root: Element = fromstring(data)
        except defusedxml.DefusedXmlException as error:
            raise RefusedFileError(f"{name} defines entities: {error}") from error
        except (ParseError, ValueError, LookupError) as error:
            raise DocumentError(f"damaged: {name}: {error}") from error
        return root

    def main_body(self) -> Element:
        """The body of the main part."""
        body = child(self.part("word/document.xml"), "body")
        if body is None:
            raise DocumentError("damaged: word/document.xml has no body")
        return body

    def core_title(self) -> str:
        """The title in the file's properties; empty where there is none."""
        title = child(self.part("docProps/core.xml"), "title")
        return " ".join((title.text or "").split()) if title is not None else ""
