"""The process that fits a map: vectors from a file, places to a file, progress on its output.

A process of its own can be stopped at once, and takes the memory and the compiler of UMAP with it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from whymiss.projection.fitting import UmapParameters, fit_umap


def main(folder: str) -> None:
    """Fit what stands in a folder: vectors.npy and parameters.json; leaves places.npy there."""
    here = Path(folder)
    vectors = np.load(here / "vectors.npy", allow_pickle=False)
    parameters = UmapParameters(**json.loads((here / "parameters.json").read_text("utf-8")))
    # Whatever a library prints must not be taken for progress.
    told, sys.stdout = sys.stdout, sys.stderr

    def progress(what: str, done: int, total: int) -> None:
        print(json.dumps([what, done, total]), file=told, flush=True)

    places = fit_umap(vectors, parameters, progress=progress)
    np.save(here / "unfinished.npy", places, allow_pickle=False)
    os.replace(here / "unfinished.npy", here / "places.npy")


if __name__ == "__main__":
    main(sys.argv[1])
