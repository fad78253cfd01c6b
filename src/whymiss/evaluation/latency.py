"""Milliseconds of requests by stage, as a table."""

from __future__ import annotations

from typing import Final

import pandas as pd

from whymiss.errors import InvalidRecordError
from whymiss.evaluation.measures.latency import percentile_of
from whymiss.stages import STAGES

LATENCY: Final = ("stage", "n", "n_undefined", "p50", "p95", "note")
ALL_STAGES: Final = "all stages"
_AT_INGEST: Final = ("parse", "chunk", "index")


def latency_frame(traces: pd.DataFrame) -> pd.DataFrame:
    """Median and 95th percentile of the milliseconds of each stage of asking, over requests.

    One row per stage in their order, then one of all stages together. What runs at ingest alone
    (parse, chunk, index) has none. `plots.latency_bars` draws the table.

    ===========  ==================================================================================
    stage        the stage; the last row is "all stages"
    n            requests in which it ran
    n_undefined  requests in which it did not; they are left out
    p50, p95     milliseconds, interpolated linearly between measured ones; NaN where n is 0
    note         why they are undefined
    ===========  ==================================================================================

    Parameters
    ----------
    traces : one row per request, as `workbench.trace` and `frames.traces_frame` give it. Requests
        of different configurations are different things to time: choose by `config_fingerprint`.

    Raises
    ------
    InvalidRecordError : a column is missing.

    Examples
    --------
    >>> from whymiss.frames import traces_frame
    >>> traces = traces_frame([]).reindex(range(3))
    >>> traces["ms_dense"] = [10.0, 20.0, 60.0]
    >>> found = latency_frame(traces).set_index("stage")
    >>> found.loc["dense", ["p50", "p95"]].tolist()
    [20.0, 56.0]
    >>> found.loc["rerank", "note"]
    'did not run'
    """
    stages = [stage for stage in STAGES if stage not in _AT_INGEST]
    needed = [f"ms_{stage}" for stage in stages]
    if missing := [name for name in (*needed, "seconds") if name not in traces.columns]:
        raise InvalidRecordError(
            f"latency_frame needs the columns of a request log; {missing[0]!r} is missing. Give "
            "it `workbench.trace`."
        )
    rows = [_row(stage, traces[f"ms_{stage}"]) for stage in stages]
    rows.append(_row(ALL_STAGES, 1000 * traces["seconds"]))
    return pd.DataFrame(rows, columns=list(LATENCY))


def _row(stage: str, milliseconds: pd.Series[float]) -> dict[str, object]:
    timed = milliseconds.dropna().tolist()
    p50, p95 = (percentile_of(timed, percentile, None) for percentile in (50, 95))
    note = "" if timed else "did not run" if len(milliseconds) else p50.undefined_because
    return {
        "stage": stage,
        "n": len(timed),
        "n_undefined": len(milliseconds) - len(timed),
        "p50": p50.value,
        "p95": p95.value,
        "note": note,
    }
