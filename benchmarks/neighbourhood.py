"""How well the neighbourhood reports find what stands near what: precision and recall.

On the bundled corpus: the version families that its README names; near copies that are planted (by
the fault `near_duplicate_displacer`, and copies of whole documents with a share of their words
changed); hubs planted by the fault `hub`, with the healthy index as control; questions tagged
"unanswerable" against the rest. On a labelled set that nobody tuned to (`--set`): what is found
where nothing was planted.

`python benchmarks/neighbourhood.py --corpus data/helpdesk/docs
--questions data/helpdesk/questions.jsonl`, or `--set git_docs --data FOLDER`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from labelled_corpus import LabelledCorpus, add_options
from reporting import save
from timing import timed
from whymiss import Document, Workbench
from whymiss.diagnosis.edits import ingested
from whymiss.diagnosis.faults import FAULTS, planted
from whymiss.diagnosis.lab import Lab
from whymiss.diagnosis.scene import Scene
from whymiss.evaluation import Question
from whymiss.evaluation.statistics import wilson
from whymiss.neighbourhood import Neighbourhood, neighbourhood_of
from whymiss.neighbourhood.ground import Ground

EDITIONS: Final = (
    ("plans/support_tiers_v1.md", "plans/support_tiers_v2.md", "plans/support_tiers_v3.md"),
    ("plans/price_list_2024.csv", "plans/price_list_2025.csv", "plans/price_list_2026.csv"),
    ("releases/release_notes_2025.md", "releases/release_notes_2026.md"),
    ("internal/leave_policy_2024.md", "internal/leave_policy_2026.html"),
)
"""Families of the corpus' README ("What is planted where", "versions") that are one document."""

RELAY_V2: Final = (
    "developers/idempotency.rst", "developers/openapi.yaml",
    "developers/pagination_and_filtering.md", "developers/quickstart_notebook.ipynb",
    "developers/relay_client.ts", "developers/v1_to_v2_migration.md", "developers/webhooks.md",
)  # fmt: skip
LOOSE: Final = (
    *(("developers/relay_v1_reference.md", page) for page in RELAY_V2),
    ("releases/beam_changelog.rst", "releases/release_notes_2025.md"),
    ("releases/beam_changelog.rst", "releases/release_notes_2026.md"),
    ("legal/data_processing_agreement.docx", "security/subprocessor_changes.txt"),
)
"""Pairs that the README calls versions too: one page against many, or against a list of changes."""

CHANGED: Final = (0.0, 0.05, 0.1, 0.2)
"""Shares of words that are changed in the copy of a document."""

Pair = frozenset[str]


def rate(hits: int, n: int) -> dict[str, Any]:
    """A share with its Wilson interval; undefined where nothing counts."""
    if not n:
        return {"hits": hits, "n": n, "share": None}
    found = wilson(hits, n)
    return {"hits": hits, "n": n, "share": found.estimate, "low": found.low, "high": found.high}


def pairs(members: Iterable[Sequence[str]]) -> set[Pair]:
    """All pairs of each group."""
    return {frozenset(pair) for group in members for pair in combinations(group, 2)}


def versions(found: Neighbourhood) -> dict[str, Any]:
    """Families of the healthy corpus against those that its README names."""
    editions, loose = pairs(EDITIONS), {frozenset(pair) for pair in LOOSE}
    told = pairs(found.families["members"])
    current = dict(zip(found.families["members"].map(frozenset), found.families["current"],
                       strict=True))  # fmt: skip
    right = [current.get(frozenset(family)) == family[-1] for family in EDITIONS]
    ordered = set(found.families["members"])
    return {
        "families_found": rate(sum(frozenset(f) in current for f in EDITIONS), len(EDITIONS)),
        "order_right": rate(sum(f in ordered for f in EDITIONS), len(EDITIONS)),
        "current_right": rate(sum(right), len(EDITIONS)),
        "pair_recall_editions": rate(len(told & editions), len(editions)),
        "pair_recall_all": rate(len(told & (editions | loose)), len(editions | loose)),
        "pair_precision": rate(len(told & (editions | loose)), len(told)),
        "told_and_not_listed": sorted(map(sorted, told - editions - loose)),
        "missed": sorted(map(sorted, (editions | loose) - told)),
    }


def copies(bench: Bench, n: int) -> list[dict[str, Any]]:
    """Copies of documents with some words changed: found as a family, as chunks, and what else."""
    rows = []
    rng = np.random.default_rng(bench.seed)
    known = pairs(bench.healthy.families["members"])
    every = sorted(bench.scene(bench.questions[0]).space.catalogue.documents)
    for share in CHANGED:
        names = rng.permutation(every)[:n].tolist()
        sources = bench.workbench._spaces.documents(names)
        made = [_copy(sources[name], share, rng) for name in names]
        found = bench.over(ingested(bench.scene(bench.questions[0]), made))
        truth = {frozenset((name, copy.doc_id)) for name, copy in zip(names, made, strict=True)}
        # A copy of a version stands beside the other versions too.
        of = dict(zip((copy.doc_id for copy in made), names, strict=True))
        links = {frozenset(pair) for pair in found.links[["doc_id", "other_doc_id"]].values}
        as_sources = {frozenset(of.get(name, name) for name in pair) for pair in links - truth}
        rows.append(
            {
                "planted": "copy", "changed": share,
                "recall": rate(len(links & truth), len(truth)),
                "false": len([p for p in as_sources - known if len(p) == 2]),
                **_chunks_found(found, {copy.doc_id for copy in made}),
            }
        )  # fmt: skip
    return rows


def _copy(document: Document, share: float, rng: np.random.Generator) -> Document:
    """The document under another name, with a share of its words replaced by others of its own."""
    words = document.text.split(" ")
    places = rng.choice(len(words), size=round(share * len(words)), replace=False).tolist()
    for place in places:
        words[place] = words[int(rng.integers(len(words)))]
    folder, slash, name = document.doc_id.rpartition("/")
    return replace(document, doc_id=f"{folder}{slash}other_{name}", text=" ".join(words))


def _chunks_found(found: Neighbourhood, new: set[str]) -> dict[str, Any]:
    """Planted chunks in a pair of two documents, and such pairs without a planted chunk."""
    told = found.duplicates[found.duplicates["doc_id"] != found.duplicates["other_doc_id"]]
    rows = [c.chunk_id for c in found.ground.chunks if c.doc_id in new]
    ids = {*told["chunk_id"], *told["other_id"]}
    without = told[~told["doc_id"].isin(new) & ~told["other_doc_id"].isin(new)]
    return {
        "chunk_recall": rate(sum(row in ids for row in rows), len(rows)),
        "pairs_without_planted": len(without),
    }


def displacers(bench: Bench, n: int) -> list[dict[str, Any]]:
    """Near copies of the evidence, as `near_duplicate_displacer` plants them, by severity."""
    fault = _fault("near_duplicate_displacer")
    rows = []
    for severity in (1, 2, 3):
        family = chunk = total = pages = false = 0
        for scene, seed in bench.some(n, severity):
            (base, *_) = fault.prepare(scene)
            made = fault.plant(bench.lab.run(base), severity, np.random.default_rng(seed))
            if made is None:
                continue
            new = _new_documents(base, made)
            found = bench.over(made)
            told = _chunks_found(found, new)["chunk_recall"]
            chunk, total = chunk + told["hits"], total + told["n"]
            members = {m for group in found.families["members"] for m in group}
            family, pages = family + len(new & members), pages + len(new)
            gold = {s.doc_id for spans in scene.question.evidence for s in spans}
            known = pairs(bench.healthy.families["members"])
            false += len([p for p in pairs(found.families["members"]) - known
                          if not p & (new | gold)])  # fmt: skip
        rows.append(
            {
                "planted": fault.name, "severity": severity, "recall": rate(family, pages),
                "chunk_recall": rate(chunk, total), "false": false,
            }
        )  # fmt: skip
    return rows


def hubs(bench: Bench, n: int) -> dict[str, Any]:
    """Planted hubs: which stand out, which are found harmful, and what else is.

    A healthy index has chunks whose removal rescues a question too; false are those that are
    called harmful with a hub planted elsewhere, and are not without it.
    """
    fault = _fault("hub")
    cases: list[dict[str, Any]] = []
    usual: dict[str, Neighbourhood] = {}
    for scene, seed in bench.some(len(bench.questions), 7):
        case = planted(scene, fault, np.random.default_rng(seed), bench.lab)
        if case is None:
            continue
        key = case.base.config.fingerprint()
        usual.setdefault(key, bench.over(case.base))
        new = _new_documents(case.base, case.scene)
        told = _hub_case(bench.over(case.scene), new, usual[key])
        cases.append({"query_id": scene.question.query_id, "severity": case.severities[0], **told})
        cases[-1]["rescued"] = scene.question.query_id in told["entered"]
        print(cases[-1], flush=True)
        if len(cases) == n:
            break
    pages, found = sum(case["pages"] for case in cases), sum(case["groups"] for case in cases)
    return {
        "cases": cases,
        "stand_out": rate(sum(case["standing"] for case in cases), pages),
        "recall_pages": rate(sum(case["harmful"] for case in cases), pages),
        "recall_cases": rate(sum(case["harmful"] > 0 for case in cases), len(cases)),
        "question_rescued": rate(sum(case["rescued"] for case in cases), len(cases)),
        "first_in_table": rate(sum(case["rank"] == 1 for case in cases), len(cases)),
        "precision": rate(found, found + sum(case["false"] for case in cases)),
        "healthy": [
            {
                "mode": made.ground.config.retrieval.mode,
                "standing_out": len(made.hubs), "n_chunks": len(made.ground.chunks),
                "harmful": made.hubs[made.hubs["harmful"].astype(bool)]
                [["doc_id", "start", "entered", "displaced"]].to_dict("records"),
            }
            for made in usual.values()
        ],
    }  # fmt: skip


def _hub_case(found: Neighbourhood, new: set[str], healthy: Neighbourhood) -> dict[str, Any]:
    frame, chunks = found.hubs, found.ground.chunks
    of = {chunk.chunk_id: chunk.doc_id for chunk in chunks}
    mine = frame["chunk_ids"].map(lambda ids: any(of[i] in new for i in ids)).astype(bool)
    harmful = frame["harmful"].astype(bool)
    known = {i for ids in healthy.hubs[healthy.hubs["harmful"].astype(bool)]["chunk_ids"]
             for i in ids}  # fmt: skip
    fresh = frame["chunk_ids"].map(lambda ids: known.isdisjoint(ids)).astype(bool)

    def pages(some: pd.DataFrame) -> int:
        return sum(of[i] in new for ids in some["chunk_ids"] for i in ids)

    places = np.flatnonzero(mine).tolist()
    return {
        "pages": sum(chunk.doc_id in new for chunk in chunks), "standing": pages(frame[mine]),
        "harmful": pages(frame[mine & harmful]), "groups": int((mine & harmful).sum()),
        "rank": places[0] + 1 if places else None,
        "entered": [query_id for ids in frame[mine]["entered"] for query_id in ids],
        "displaced": [query_id for ids in frame[mine]["displaced"] for query_id in ids],
        "others_standing": int((~mine).sum()), "others_harmful": int((~mine & harmful).sum()),
        "false": int((~mine & harmful & fresh).sum()), "skewness": found._hubs.skewness,
    }  # fmt: skip


def gaps(found: Neighbourhood) -> dict[str, Any]:
    """Unanswerable questions against the others, by how far they are, and at the flag."""
    frame = found.gaps
    unanswerable = {q.query_id for q in found.ground.questions if q.unanswerable}
    truth = frame["query_id"].isin(unanswerable)
    far = frame["far"].fillna(False).astype(bool)
    return {
        "auc_farness": _auc(frame["farness"], truth),
        "auc_cosine": _auc(-frame["best_cosine"], truth),
        "auc_words": _auc(frame["lacking"], truth),
        "precision": rate(int((far & truth).sum()), int(far.sum())),
        "recall": rate(int((far & truth).sum()), int(truth.sum())),
        "false_alarms": rate(int((far & ~truth).sum()), int((~truth).sum())),
    }


def _auc(score: pd.Series[float], truth: pd.Series[bool]) -> float | None:
    """How often an unanswerable question scores above another; ties count half."""
    one, other = score[truth].to_numpy()[:, None], score[~truth].to_numpy()[None]
    if not one.size or not other.size:
        return None
    return float((one > other).mean() + (one == other).mean() / 2)


def unseen(found: Neighbourhood) -> dict[str, Any]:
    """What is reported where nothing was planted."""
    across = found.duplicates[found.duplicates["doc_id"] != found.duplicates["other_doc_id"]]
    pairs_of = found.confusable.drop_duplicates(["chunk_id", "other_id"])
    return {
        "families": found.families[["members", "relation", "evidence"]].to_dict("records"),
        "duplicate_pairs_across": len(across),
        "duplicate_documents": sorted({*across["doc_id"], *across["other_doc_id"]}),
        "hubs_standing_out": len(found.hubs),
        "hubs_harmful": int(found.hubs["harmful"].sum()),
        "confusable_pairs": len(pairs_of),
        "misleading_pairs": int((pairs_of["n_questions"] > 0).sum()),
        "far": rate(int(found.gaps["far"].sum()), len(found.gaps)),
        "boilerplate": found.boilerplate[["line", "n_documents"]].head(20).to_dict("records"),
        "n_boilerplate": len(found.boilerplate),
    }


class Bench:
    """A store with its labelled questions, and reports over changed copies of its index."""

    def __init__(self, workbench: Workbench, questions: Sequence[Question], seed: int) -> None:
        self.workbench, self.seed = workbench, seed
        self.healthy = neighbourhood_of(
            workbench.config, models=workbench._models, spaces=workbench._spaces,
            questions=questions,
        )  # fmt: skip
        self.lab = Lab()
        self.questions = [q for q in self.healthy.ground.questions if q.evidence]
        self._texts = tuple(question.query.text for question in self.questions)

    def scene(self, question: Question) -> Scene:
        """The question over the workbench as it is."""
        made = self.workbench.scene(question, answers=False)
        return replace(made, others=self._texts)

    def some(self, n: int, *key: int) -> Iterator[tuple[Scene, list[int]]]:
        """Scenes of `n` questions in an order of their own for each key, with a seed each."""
        rng = np.random.default_rng([self.seed, *key])
        for at in rng.permutation(len(self.questions))[:n].tolist():
            yield self.scene(self.questions[at]), [self.seed, *key, at]

    def over(self, scene: Scene) -> Neighbourhood:
        """The reports on the index of a scene."""
        return Neighbourhood(
            Ground(
                space=scene.space,
                config=scene.config,
                encoder=scene.encoder,
                reranker_over=lambda space: scene.models.reranker(scene.config, space),
                read_documents=scene.read_documents,
                questions=self.healthy.ground.questions,
            )
        )


def _fault(name: str) -> Any:
    return next(fault for fault in FAULTS if fault.name == name)


def _new_documents(base: Scene, made: Scene) -> set[str]:
    return set(made.space.snapshot.doc_ids) - set(base.space.snapshot.doc_ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser, set_help="a labelled set instead: nothing is planted there")
    parser.add_argument("--cases", type=int, default=12, help="of each kind that is planted")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    corpus = LabelledCorpus.of(args)
    with corpus.opened() as workbench:
        bench = Bench(workbench, corpus.questions, args.seed)
        healthy = bench.healthy
        found: dict[str, Any] = {"seconds": timed(lambda: healthy.summary)[1], "said": healthy.told}
        print(*healthy.told, sep="\n", flush=True)
        if args.set:
            found["unseen"] = unseen(healthy)
        else:
            found["versions"], found["gaps"] = versions(healthy), gaps(healthy)
            print(found["versions"], found["gaps"], sep="\n", flush=True)
            found["copies"] = [*copies(bench, args.cases), *displacers(bench, args.cases)]
            print(*found["copies"], sep="\n", flush=True)
            found["hubs"] = hubs(bench, args.cases)
        print({name: part for name, part in found.items() if name != "said"})
    save(f"neighbourhood_{corpus.name}", found)


if __name__ == "__main__":
    main()
