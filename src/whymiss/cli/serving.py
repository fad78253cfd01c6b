"""`whymiss lab` and `whymiss serve`: JupyterLab, and the panels as a page without code."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import webbrowser
from pathlib import Path

import click

from whymiss.cli.options import existing, guarded, store_option
from whymiss.errors import DocumentError
from whymiss.serving.commands import lab_command, panels_address, panels_command
from whymiss.serving.environment import require, server_environment
from whymiss.serving.running import check_port, run_server

_PORT = click.IntRange(1, 65535)


@click.command()
@click.option(
    "--notebooks", type=click.Path(path_type=Path), default=Path("notebooks"), show_default=True,
    help="A notebook, or a folder of notebooks: the first is opened.",
)  # fmt: skip
@click.option("--port", type=_PORT, help="JupyterLab's own choice without it.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@store_option
@guarded
def lab(notebooks: Path, port: int | None, no_browser: bool, store: str) -> None:
    """Open JupyterLab on the notebooks, with its news off. Notebooks find the store by themselves.

    No configuration of yours is changed. Ctrl-C twice stops it.
    """
    require("jupyterlab", verb="lab")
    if not notebooks.exists():
        raise DocumentError(
            f"lab needs notebooks; there is no {notebooks}. Run it from the repository, or name a "
            "folder with --notebooks."
        )
    folder, notebook = _opened(notebooks)
    command = lab_command(
        sys.executable, folder, notebook=notebook, port=port, browser=not no_browser, user=_user()
    )
    sys.exit(run_server(command, server_environment(os.environ, store=store)))


@click.command()
@click.option(
    "--questions", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of labelled questions, which the panels offer.",
)  # fmt: skip
@click.option("--port", type=_PORT, default=8866, show_default=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="Where to listen; 0.0.0.0 lets other machines in.",
)  # fmt: skip
@click.option(
    "--token", envvar="WHYMISS_TOKEN", help="The password; without it one is made for this run."
)
@click.option("--open/--no-open", "open_browser", default=True, help="Open a browser on it.")
@store_option
@guarded
def serve(
    questions: Path | None, port: int, host: str, token: str | None, open_browser: bool, store: str
) -> None:
    """Serve the panels as a web page, without code. Each visitor has a kernel of their own.

    Whoever has the printed address can look at every document of the store.
    """
    require("voila", verb="serve")
    existing(store)
    check_port(host, port)
    token = token or secrets.token_urlsafe(16)
    environment = server_environment(
        os.environ, store=store, JUPYTER_TOKEN=token,
        WHYMISS_QUESTIONS=str(questions.resolve()) if questions else None,
    )  # fmt: skip

    def tell() -> None:
        address = panels_address(host, port, token, name=socket.gethostname())
        click.echo(f"The panels are at {address}\nStop them with Ctrl-C.")
        if open_browser:
            webbrowser.open(address)

    command = panels_command(sys.executable, host=host, port=port)
    sys.exit(run_server(command, environment, listens=(host, port), then=tell))


def _opened(notebooks: Path) -> tuple[Path, str]:
    """The folder to show, and the notebook in it to begin with; "" when it has none."""
    if notebooks.is_file():
        return notebooks.resolve().parent, notebooks.name
    # The order of their names is the order of the lessons.
    names = sorted(path.name for path in notebooks.glob("*.ipynb"))
    return notebooks.resolve(), next(iter(names), "")


def _user() -> int:
    """The number of the user; on systems without such numbers nobody is root."""
    return os.getuid() if hasattr(os, "getuid") else -1
