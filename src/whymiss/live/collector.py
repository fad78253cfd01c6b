"""When the cyclic collector of the process has its turn."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_later() -> Iterator[None]:
    """Without the cyclic collector: thousands of new chunks set it off, they hold no cycle, and it
    then looks at every object of the process, which can take longer than cutting them. Behind the
    block it has its turn."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
