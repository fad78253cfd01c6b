"""What a server and its kernels are told: where the store is, and that JupyterLab has no news."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from whymiss.errors import WhymissError

JUPYTER: Final = Path(__file__).parent / "jupyter"
"""Jupyter configuration that turns the news pop-up off, and a page for Voila; nothing else."""


def server_environment(
    environment: Mapping[str, str], *, store: str, **more: str | None
) -> dict[str, str]:
    """The environment of a server, which its kernels inherit.

    `JUPYTER` is put in front of the user's own configuration and data, which stay as they are.

    Parameters
    ----------
    environment : the one to add to, such as `os.environ`.
    store : read by notebooks as WHYMISS_STORE; a folder becomes absolute, since a kernel runs in
        the folder of its notebook.
    more : further variables; one that is None is taken away.

    >>> made = server_environment({"A": "1"}, store="s3://bucket/store", A=None, B="2")
    >>> made["WHYMISS_STORE"], "A" in made, made["B"]
    ('s3://bucket/store', False, '2')
    """
    made = {
        **environment,
        **{
            name: _in_front(environment.get(name))
            for name in ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH")
        },
        "WHYMISS_STORE": store if "://" in store else str(Path(store).resolve()),
        **more,
    }
    return {name: value for name, value in made.items() if value is not None}


def _in_front(paths: str | None) -> str:
    return os.pathsep.join((str(JUPYTER), paths) if paths else (str(JUPYTER),))


def require(module: str, *, verb: str) -> None:
    """Nothing, when the module of the extra `lab` is there.

    Raises
    ------
    WhymissError : it is not installed.
    """
    if find_spec(module) is None:
        raise WhymissError(
            f"whymiss {verb} needs {module}, which is not installed. "
            "Install it with: pip install 'whymiss[lab]'"
        )
