"""Check that a webhook really comes from Ferrowick Relay.

Standard library only.  Tested with Python 3.9 and later.  Copy the file into your project; it is not published as a
package on purpose, because you should read it once before you trust it.

Usage in a web framework::

    ok = verify(request.get_data(), request.headers["X-Ferrowick-Signature"], [SECRET])

Run ``python webhook_signature_python.py`` to execute the self-test at the bottom.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from typing import Iterable, Optional

#: How far the timestamp may be from our own clock, in seconds.  Relay documents 5 minutes.  A larger value gives
#: somebody who has recorded a call more time to play it back, so change it only downwards.
TOLERANCE_SECONDS = 300

#: Bodies larger than this are refused before anything is computed.  Relay never sends more than 256 kB, so a bigger
#: one is not from us.
MAX_BODY_BYTES = 256 * 1024


class SignatureProblem(Exception):
    """Raised when a call must be refused; ``code`` is the Ferrowick error code to log."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def parse_header(header: str) -> tuple[int, list[str]]:
    """Split ``t=...,v1=...,v1=...`` into the timestamp and the list of signatures.

    There can be two ``v1`` parts while a secret is being rolled.  Parts with an unknown name (``v2=`` will come one
    day) are skipped rather than refused, otherwise this file would break on the day we add a better algorithm.
    """
    stamp: Optional[int] = None
    signatures: list[str] = []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isdigit():
            stamp = int(value)
        elif name == "v1":
            signatures.append(value)
    if stamp is None or not signatures:
        raise SignatureProblem("FW-5003", "the header is missing or incomplete")
    return stamp, signatures


def expected_signature(secret: str, stamp: int, body: bytes) -> str:
    """Return the lower-case hex HMAC-SHA256 over ``<stamp>.<body>``.

    The secret is used as it stands, *with* its prefix ``whsec_``.  Do not base64-decode it.  (Several other services
    do want that, which is why this is the mistake we see most often in code copied from elsewhere.)
    """
    message = str(stamp).encode("ascii") + b"." + body
    return hmac.new(secret.encode("utf-8"), message, hashlib.sha256).hexdigest()


def verify(body: bytes, header: str, secrets: Iterable[str], now: Optional[float] = None) -> bool:
    """Return True, or raise :class:`SignatureProblem`.

    The signature is checked BEFORE the age.  In the other order an attacker could learn the state of your clock from
    the error that comes back.
    """
    if len(body) > MAX_BODY_BYTES:
        raise SignatureProblem("FW-5003", "the body is too large to be ours")
    stamp, received = parse_header(header)
    matched = False
    for secret in secrets:
        wanted = expected_signature(secret, stamp, body)
        for candidate in received:
            # compare_digest takes the same time however many characters agree; == does not.
            matched |= hmac.compare_digest(wanted, candidate)
    if not matched:
        raise SignatureProblem("FW-5003", "no signature fits the raw body")
    age = (time.time() if now is None else now) - stamp
    if abs(age) > TOLERANCE_SECONDS:
        raise SignatureProblem("FW-5004", f"the timestamp is {age:.0f} s away from our clock")
    return True


class SeenEvents:
    """Remember event ids, so that a repeated delivery is handled once.

    This keeps them in memory and is good enough for one process.  With several workers, use a table with a unique
    index instead.  Keep ids for at least 27 hours: retries run for 26 hours, plus jitter.
    """

    def __init__(self, keep_seconds: int = 27 * 3600) -> None:
        self.keep_seconds = keep_seconds
        self._seen: "OrderedDict[str, float]" = OrderedDict()

    def first_time(self, event_id: str) -> bool:
        """Return True the first time an id is offered, False ever after."""
        limit = time.time() - self.keep_seconds
        while self._seen and next(iter(self._seen.values())) < limit:
            self._seen.popitem(last=False)
        if event_id in self._seen:
            return False
        self._seen[event_id] = time.time()
        return True


if __name__ == "__main__":
    demo_secret, demo_body = "whsec_demo", b'{"type":"relay.hello"}'
    demo_header = f"t=1780409251,v1={expected_signature(demo_secret, 1780409251, demo_body)}"
    assert verify(demo_body, demo_header, [demo_secret], now=1780409251 + 299)
    try:
        verify(demo_body, demo_header, [demo_secret], now=1780409251 + 301)
    except SignatureProblem as problem:
        assert problem.code == "FW-5004"
    seen = SeenEvents()
    assert seen.first_time("evt_1") and not seen.first_time("evt_1")
    print("all good")
