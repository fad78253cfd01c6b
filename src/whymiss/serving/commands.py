"""The command lines of JupyterLab and Voila."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote

PANELS: Final = Path(__file__).parent / "whymiss.ipynb"
"""The notebook that is served: one cell, which opens the store and shows its panels."""

_IDLE_SECONDS: Final = 600
"""After how long a kernel ends that nobody is connected to: each one holds a model in memory."""

# Panels run scripts and styles of the page itself, and code of their own from blobs.
_POLICY: Final = "; ".join(
    (
        "default-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline' data: blob:", "img-src 'self' data: blob:",
        "font-src 'self' data:", "worker-src 'self' blob:", "frame-ancestors 'self'",
    )
)  # fmt: skip


def lab_command(
    python: str,
    folder: Path,
    *,
    notebook: str = "",
    port: int | None = None,
    browser: bool = True,
    user: int = 1000,
) -> tuple[str, ...]:
    """The command line of JupyterLab.

    Parameters
    ----------
    python : the interpreter.
    folder : what is shown; nothing outside it is reached.
    notebook : the file in it that the address opens; "" is none.
    port : None leaves the choice to JupyterLab.
    browser : False opens none.
    user : who starts it. Jupyter refuses 0, which is root, unless told; in a container there is
        often nobody else.

    >>> lab_command("python", Path("lessons"), notebook="1 a.ipynb", browser=False, user=0)[4:]
    ('--LabApp.default_url=/lab/tree/1%20a.ipynb', '--no-browser', '--allow-root')
    """
    options = (
        (True, f"--ServerApp.root_dir={folder}"),
        (notebook != "", f"--LabApp.default_url=/lab/tree/{quote(notebook)}"),
        (port is not None, f"--port={port}"),
        (not browser, "--no-browser"),
        (user == 0, "--allow-root"),
    )
    return (python, "-m", "jupyterlab", *(text for needed, text in options if needed))


def panels_command(python: str, *, host: str, port: int) -> tuple[str, ...]:
    """The command line of Voila over `PANELS`: each visitor has a kernel, nobody sees code.

    The pages are told to ask no other server for anything.
    Its token comes from JUPYTER_TOKEN: other users of the machine can read a command line.

    >>> panels_command("python", host="127.0.0.1", port=8866)[4:6]
    ('--Voila.ip=127.0.0.1', '--port=8866')
    """
    return (
        python, "-m", "voila", str(PANELS), f"--Voila.ip={host}", f"--port={port}",
        "--Voila.port_retries=0", "--no-browser", "--token", "--Voila.log_level=WARN",
        "--template=whymiss", "--strip_sources=True", "--show_tracebacks=False",
        f"--Voila.tornado_settings={ {'headers': {'Content-Security-Policy': _POLICY}} }",
        f"--AsyncMappingKernelManager.cull_idle_timeout={_IDLE_SECONDS}",
        "--AsyncMappingKernelManager.cull_interval=60",
    )  # fmt: skip


def panels_address(host: str, port: int, token: str, *, name: str) -> str:
    """What to type into a browser.

    Parameters
    ----------
    host : where the server listens; on all interfaces, the address says the machine's `name`.

    >>> panels_address("0.0.0.0", 8866, "secret", name="lab-7")
    'http://lab-7:8866/?token=secret'
    >>> panels_address("::1", 8866, "secret", name="lab-7")
    'http://[::1]:8866/?token=secret'
    """
    shown = name if host in ("0.0.0.0", "::", "") else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/?token={token}"
