"""One JSON request to a server that is not trusted: bounded in time, size and retries."""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic, sleep
from typing import Any, Final

import httpx

from whymiss.errors import GenerationError
from whymiss.text import normalise_whitespace

MAX_REPLY_BYTES: Final = 2 * 1024 * 1024
"""An answer of a few hundred tokens is a few kilobytes; what is longer is not an answer."""

MAX_WAIT_SECONDS: Final = 20.0
"""Longest wait before the one retry; who asks for more gets an error instead."""

_DEFAULT_WAIT_SECONDS: Final = 1.0
_EXCERPT_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to post, with which key, and how long to wait. The key is in no message and no repr."""

    url: httpx.URL
    key: str
    key_env: str
    timeout_seconds: float

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    @property
    def name(self) -> str:
        """The URL as messages show it: without user, password and query."""
        return str(self.url.copy_with(username=None, password=None, query=None, fragment=None))

    def post(self, payload: Mapping[str, Any]) -> Any:
        """Post JSON and read JSON; one retry on 429 and 5xx.

        Raises
        ------
        GenerationError : no usable answer came; the message says what to do.
        """
        reply = self._send(payload)
        if reply.is_worth_retrying:
            wait = reply.retry_after
            if wait > MAX_WAIT_SECONDS:
                raise self._error(reply, f"It asks to wait {wait:.0f} s; try again after that.")
            sleep(wait)
            reply = self._send(payload)
        if reply.status != 200:
            raise self._error(reply, self._advice(reply.status))
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            raise self._error(
                reply, "That is not JSON; check that answer.base_url ends in /v1 or the like."
            ) from error

    def _send(self, payload: Mapping[str, Any]) -> _Reply:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            # An unpacked reply is checked against the limit, so let it come as it is.
            "Accept-Encoding": "identity",
        }
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            # A proxy from the environment has no business with a server on this machine.
            with (
                httpx.Client(
                    timeout=self.timeout_seconds,
                    follow_redirects=False,
                    trust_env=not is_loopback(self.url.host),
                ) as client,
                client.stream(
                    "POST", self.url, headers=headers, content=json.dumps(payload).encode("ascii")
                ) as response,
            ):
                return self._read(response)
        except httpx.TimeoutException as error:
            raise self._timed_out() from error
        except httpx.HTTPError as error:
            raise GenerationError(
                f"{self.name} cannot be reached: {self._redacted(str(error))} "
                f"({type(error).__name__}). Check answer.base_url and that the server runs."
            ) from error

    def _read(self, response: httpx.Response) -> _Reply:
        deadline = monotonic() + self.timeout_seconds
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MAX_REPLY_BYTES:
                raise GenerationError(
                    f"{self.name} sent more than {MAX_REPLY_BYTES // 1024} KiB; reading stopped. "
                    "Check that answer.base_url is a chat endpoint."
                )
            # httpx limits each read; a server that drips would never reach that limit.
            if monotonic() > deadline:
                raise self._timed_out()
        return _Reply(response.status_code, response.headers, bytes(body))

    def _timed_out(self) -> GenerationError:
        return GenerationError(
            f"{self.name} did not answer within {self.timeout_seconds:g} s. "
            "Raise answer.timeout_seconds, or lower answer.max_output_tokens."
        )

    def _error(self, reply: _Reply, advice: str) -> GenerationError:
        said = normalise_whitespace(reply.body[:4096].decode("utf-8", "replace"))
        said = self._redacted(said)[:_EXCERPT_CHARACTERS]
        return GenerationError(
            f"{self.name} answered with status {reply.status}: {said or 'nothing'}. {advice}"
        )

    def _advice(self, status: int) -> str:
        if 300 <= status < 400:
            return (
                "Redirects are not followed, so that a key goes only where you sent it; "
                "correct answer.base_url."
            )
        if status in (401, 403):
            is_set = "is set, but not accepted" if self.key else "is not set"
            return f"The environment variable {self.key_env or '(none named)'} {is_set}."
        if status == 404:
            return "Check answer.base_url (it often ends in /v1) and answer.model."
        if status == 429:
            return "It limits requests; wait, or ask less often."
        if status >= 500:
            return "It failed twice; try again later."
        return "Check answer.model and the other answer settings."

    def _redacted(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def is_worth_retrying(self) -> bool:
        return self.status == 429 or self.status >= 500

    @property
    def retry_after(self) -> float:
        """Seconds to wait: what Retry-After says (seconds or a date), else one second."""
        said = self.headers.get("Retry-After", "").strip()
        try:
            seconds = float(said)
        except ValueError:
            try:
                moment = parsedate_to_datetime(said)
            except ValueError:
                return _DEFAULT_WAIT_SECONDS
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = (moment - datetime.now(UTC)).total_seconds()
        return max(0.0, seconds) if math.isfinite(seconds) else _DEFAULT_WAIT_SECONDS


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("example.org")
    (True, True, False)
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
