"""How true a map is that holds still, and how fast.

The store's index is fitted once. Then its chunks, and those of another chunk size, are placed among
the landmarks; the peer is umap-learn with its defaults, metric cosine and the same seed, fitted
afresh on the very same chunks. Neighbour overlap is the mean share of ten true neighbours (cosine)
that are among the ten nearest on the plane; trustworthiness and neighbours are scikit-learn's.
Chunks whose indexed text is the same under both sizes must stand at the same place, to the last
bit, and so must all chunks in a second process.

`python benchmarks/maps.py --set chroma --data FOLDER` or `--corpus DIR`. With `--store STORE` only
times over an index that is there: the first picture, cancelling, the first fit, the kept map.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

import whymiss
from labelled_sets import read
from reporting import save
from timing import timed
from whymiss import PipelineConfig, Workbench
from whymiss.maps.embedding_map import EmbeddingMap
from whymiss.records import digest

_SEED = 42
_NEIGHBOURS = 10
_STRATEGY = {"chunking.strategy": "recursive"}


def faithful(vectors: NDArray[np.float32], places: NDArray[np.float64]) -> dict[str, float]:
    """Neighbour overlap and trustworthiness, as scikit-learn computes them."""
    true = NearestNeighbors(n_neighbors=_NEIGHBOURS, metric="cosine").fit(vectors)
    drawn = NearestNeighbors(n_neighbors=_NEIGHBOURS).fit(places)
    pairs = zip(
        true.kneighbors(return_distance=False), drawn.kneighbors(return_distance=False), strict=True
    )
    shared = [len(set(one) & set(other)) / _NEIGHBOURS for one, other in pairs]
    trusted = trustworthiness(vectors, places, n_neighbors=_NEIGHBOURS, metric="cosine")
    return {"overlap": float(np.mean(shared)), "trustworthiness": float(trusted)}


def fresh(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The peer: UMAP as it comes."""
    from umap import UMAP

    fitted = UMAP(metric="cosine", random_state=_SEED, n_jobs=1).fit_transform(vectors)
    return np.asarray(fitted, dtype=np.float64)


def places_of(made: EmbeddingMap) -> NDArray[np.float64]:
    """The places of a map's chunks."""
    return made.chunks[["x", "y"]].to_numpy(np.float64)


def truth(workbench: Workbench, sizes: tuple[int, int]) -> dict[str, Any]:
    """Fit on the first size; place the chunks of both and hold them against the peer."""
    configs = {
        size: workbench.config.replace({"chunking.size": size, "index.name": f"size{size}"})
        for size in sizes
    }
    workbench.build(configs[sizes[0]])
    first, seconds = timed(lambda: workbench.map(config=configs[sizes[0]]))
    maps = {sizes[0]: first, sizes[1]: workbench.map(config=configs[sizes[1]])}
    found: dict[str, Any] = {"fit_seconds": seconds, "notes": first.notes}
    for size, made in maps.items():
        peer, peer_seconds = timed(lambda m=made: fresh(m.vectors))  # type: ignore[misc]
        found[str(size)] = {
            "n_chunks": len(made.vectors),
            "placed": faithful(made.vectors, places_of(made)),
            "fresh": faithful(made.vectors, peer),
            "fresh_seconds": peer_seconds,
            "place_seconds": [placing(workbench, made) for _ in range(5)],
        }
    found["unchanged"] = unchanged(workbench, configs, maps)
    return found


def placing(workbench: Workbench, made: EmbeddingMap) -> float:
    """Seconds to place all chunks of a map anew."""
    (path,) = (workbench.store.state / "maps").glob("map-*.npz")
    from whymiss.maps.frozen import load

    frozen = load(path)
    assert frozen is not None
    places, seconds = timed(lambda: frozen.place(made.vectors))
    assert np.array_equal(places, places_of(made)), "placing again gives other places"
    return seconds


def unchanged(
    workbench: Workbench, configs: dict[int, PipelineConfig], maps: dict[int, EmbeddingMap]
) -> dict[str, Any]:
    """How far chunks moved whose indexed text is the same under both sizes."""
    texts: list[dict[tuple[str, str], NDArray[np.float64]]] = []
    for size, config in configs.items():
        chunks = workbench._spaces.trial(config).snapshot.chunks
        places = places_of(maps[size])
        texts.append({(c.doc_id, c.indexed_text): p for c, p in zip(chunks, places, strict=True)})
    both = texts[0].keys() & texts[1].keys()
    moved = [float(np.abs(texts[0][key] - texts[1][key]).max()) for key in both]
    return {"n": len(moved), "moved_at_most": max(moved, default=float("nan"))}


def fingerprint(store: str) -> str:
    """A digest of the places of all chunks, in this process."""
    with whymiss.open(store) as workbench:
        return digest(places_of(workbench.map()).tobytes())


def times(store: Path) -> dict[str, Any]:
    """The first picture, cancelling a fit, the fit itself, the kept map; the index is read before.

    The store must have no map yet: what is measured is the first time.
    """
    assert not (store / "maps").exists(), f"{store} has a map already; delete {store / 'maps'}"
    found: dict[str, Any] = {}
    with whymiss.open(store) as workbench:
        space, found["read_index_seconds"] = timed(workbench.space)
        found["n_chunks"] = len(space.snapshot)
        made, found["first_picture_seconds"] = timed(lambda: workbench.map(wait=False))
        assert made.projection == "pca"
        assert made.fitting is not None
        while made.fitting.step.what != "layout":
            time.sleep(0.05)
        _, found["cancel_seconds"] = timed(made.fitting.cancel)
        steps: list[str] = []
        made, found["fit_seconds"] = timed(
            lambda: workbench.map(progress=lambda what, *_: steps.append(what))
        )
        assert made.projection == "umap"
        found["progress"] = {step: steps.count(step) for step in dict.fromkeys(steps)}
        found["kept_map_seconds"] = sorted(timed(workbench.map)[1] for _ in range(5))
        found["summary"] = dict(made.summary)
        here = digest(places_of(made).tobytes())
    with whymiss.open(store) as workbench:
        workbench.space()
        _, found["kept_map_after_restart_seconds"] = timed(workbench.map)
    there = subprocess.run(
        [sys.executable, __file__, "--fingerprint", str(store)],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    found["same_places_in_another_process"] = here == there
    return found


def told(name: str, found: dict[str, Any]) -> None:
    """Print what was measured, and keep it."""
    print(json.dumps(found, indent=2))
    save(name, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--set")
    source.add_argument("--corpus", type=Path)
    source.add_argument("--store", type=Path)
    source.add_argument("--fingerprint", metavar="STORE")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sizes", type=int, nargs=2, default=(200, 128))
    given = parser.parse_args()
    if given.fingerprint:
        print(fingerprint(given.fingerprint))
        return
    if given.store:
        told("maps_times", times(given.store))
        return
    base = PipelineConfig().replace(_STRATEGY)
    with (
        tempfile.TemporaryDirectory() as folder,
        whymiss.open(folder, config=base) as workbench,
    ):
        documents = read(given.set, given.data)[0] if given.set else given.corpus
        workbench.ingest(documents)
        name = given.set or given.corpus.parent.name
        told(f"maps_{name}", truth(workbench, tuple(given.sizes)))


if __name__ == "__main__":
    main()
