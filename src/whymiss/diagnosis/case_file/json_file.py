"""A case as JSON: kept, compared with the next one, read by other programs."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Final

from whymiss.config import PipelineConfig
from whymiss.diagnosis.case_file.recipe import recipe
from whymiss.diagnosis.case_file.record import CaseFile, Excerpt
from whymiss.diagnosis.case_file.sentences import verdict
from whymiss.diagnosis.records import Candidate, Diagnosis, Finding, StageView
from whymiss.diagnosis.repairs.repair import Price, Repair
from whymiss.errors import InvalidRecordError, WhymissError
from whymiss.evaluation.formats.jsonl import question_entry, question_from
from whymiss.evaluation.labels import EvidenceSpan
from whymiss.evaluation.statistics import Interval
from whymiss.records import Clause

CASE_FORMAT: Final = "whymiss case 1"
"""Named in every case; what has another name is not read. A key that is removed or means
something else makes a new number; a key that is added does not."""

_PLAIN: Final = (
    "config_fingerprint", "index_name", "index_version", "ending", "answer", "lost_at",
    "unexplained", "n_reruns", "options",
)  # fmt: skip


def to_json(case: CaseFile) -> str:
    """A case as JSON text.

    ===============  ============================================================================
    format           `CASE_FORMAT`
    verdict          the verdict in words; `recipe` is the Python that makes the diagnosis again
    store, labelled  where the store and the labelled questions were
    config           every knob, one mapping per group
    question         as in a line of labelled questions (`evaluation.read_questions`)
    diagnosis        the plain fields of `Diagnosis`, with lists of `StageView` (funnel),
                     `Finding` (findings), `Candidate` (candidates) and `Repair` (repairs)
    excerpts         `Excerpt` by chunk id
    ===============  ============================================================================

    The fields of each record are its keys. What is undefined is null, never NaN; how long
    something took is left out, as it differs from run to run.
    """
    diagnosis = case.diagnosis
    body = {
        "format": CASE_FORMAT,
        "verdict": verdict(diagnosis),
        "store": case.store,
        "labelled": case.labelled,
        "config": dataclasses.asdict(case.config),
        "question": question_entry(diagnosis.question),
        "diagnosis": {
            **{name: getattr(diagnosis, name) for name in _PLAIN},
            "proven": diagnosis.proven,
            "then": diagnosis.then,
            "funnel": [_entry(view) for view in diagnosis.funnel],
            "findings": [_entry(finding) for finding in diagnosis.findings],
            "candidates": [_entry(candidate) for candidate in diagnosis.candidates],
            "repairs": [_repair_entry(repair) for repair in diagnosis.repairs],
            "notes": diagnosis.notes,
        },
        "excerpts": {chunk_id: _entry(found) for chunk_id, found in case.excerpts.items()},
        "recipe": recipe(case),
    }
    return json.dumps(_plain(body), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def from_json(text: str) -> CaseFile:
    """The case that `to_json` wrote. Times, which are not in it, are NaN.

    Raises
    ------
    InvalidRecordError : it is none.
    """
    try:
        body = json.loads(text)
    except ValueError as error:
        raise InvalidRecordError(f"not a case file: it is no JSON ({error}).") from error
    if not isinstance(body, dict) or body.get("format") != CASE_FORMAT:
        raise InvalidRecordError(f"not a case file in the format {CASE_FORMAT!r}.")
    try:
        config = _config(body["config"])
        return CaseFile(
            diagnosis=_diagnosis(body["diagnosis"], body["question"], config),
            store=body["store"],
            labelled=body["labelled"],
            config=config,
            excerpts={name: Excerpt(**_tuples(e)) for name, e in body["excerpts"].items()},
        )
    except (KeyError, TypeError, AttributeError, WhymissError) as error:
        raise InvalidRecordError(f"a broken case file: {error!r}.") from error


def _config(groups: Mapping[str, Mapping[str, Any]]) -> PipelineConfig:
    return PipelineConfig().replace(
        {
            f"{group}.{knob}": value
            for group, knobs in groups.items()
            for knob, value in knobs.items()
        }
    )


def _diagnosis(
    body: Mapping[str, Any], question: dict[str, Any], config: PipelineConfig
) -> Diagnosis:
    return Diagnosis(
        question=question_from(question),
        **{name: body[name] for name in _PLAIN},
        proven=tuple(body["proven"]),
        then=tuple(body["then"]),
        funnel=tuple(StageView(**_tuples(view)) for view in body["funnel"]),
        findings=tuple(Finding(**_tuples(finding)) for finding in body["findings"]),
        candidates=tuple(
            Candidate(**{**found, "span": EvidenceSpan(**found["span"])})
            for found in body["candidates"]
        ),
        repairs=tuple(_repair(repair, config) for repair in body["repairs"]),
        notes=tuple(body["notes"]),
    )


def _entry(record: Any) -> dict[str, Any]:
    # Not asdict: it cannot copy the read-only mappings of a record.
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _repair_entry(repair: Repair) -> dict[str, Any]:
    # The base of every repair is the configuration of the case.
    entry = {name: value for name, value in _entry(repair).items() if name != "base"}
    if repair.price is not None:
        price = _entry(repair.price)
        del price["added_ms"]
        entry["price"] = price
    return entry


def _repair(entry: Mapping[str, Any], base: PipelineConfig) -> Repair:
    price = entry["price"]
    if price is not None:
        bounds: dict[str, Any] = {
            name: math.nan if value is None else value for name, value in price["interval"].items()
        }
        added = math.nan if price["added_tokens"] is None else price["added_tokens"]
        given = {**_tuples(price), "interval": Interval(**bounds), "added_tokens": added}
        price = Price(**given, added_ms=math.nan)
    where = tuple(Clause(**_tuples(clause)) for clause in entry["where"])
    return Repair(**{**entry, "where": where, "price": price, "base": base})


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record, lists as the tuples they were."""
    return {name: _frozen(value) for name, value in entry.items()}


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return _tuples(value) if isinstance(value, dict) else value


def _plain(value: Any) -> Any:
    """Values that JSON has: records and mappings as objects, what is not finite as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(_entry(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [_plain(item) for item in sorted(value)]
    if not isinstance(value, (str, int, float, type(None))) and hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
