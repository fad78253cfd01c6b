"""`python -m whymiss` is the command `whymiss`."""

from __future__ import annotations

from whymiss.cli import main

if __name__ == "__main__":
    main()
