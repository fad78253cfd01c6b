"""A fit in the background: started, watched, waited for, cancelled."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import numpy as np

from whymiss.errors import WhymissError
from whymiss.projection.fitting import Progress, UmapParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whymiss.protocols import Vectors

State = Literal["running", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a fit has come: what it does, and how much of it is done."""

    what: str
    done: int
    total: int


class FitJob:
    """UMAP in a child process. Safe for threads; nothing is left behind when it ends.

    Parameters
    ----------
    vectors : gives the unit vectors, shape (n, dimension); called once, from the job's own thread.
    progress : called with (what, done, total), from the job's own thread.
    then : called with the places, once, from that thread, before the job is "done".

    Examples
    --------
    >>> job = FitJob(lambda: np.eye(3, dtype=np.float32), UmapParameters())
    >>> job.wait().shape, job.state
    ((3, 2), 'done')
    """

    def __init__(
        self,
        vectors: Callable[[], Vectors],
        parameters: UmapParameters,
        *,
        progress: Progress | None = None,
        then: Callable[[NDArray[np.float64]], None] | None = None,
    ) -> None:
        self._vectors = vectors
        self._parameters = parameters
        self._progress = progress
        self._then = then
        self._lock = threading.Lock()
        self._state: State = "running"
        self._step = Step(what="landmarks", done=0, total=1)
        self._places: NDArray[np.float64] | None = None
        self._error: Exception | None = None
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, name="whymiss-map", daemon=True)
        self._thread.start()

    @property
    def state(self) -> State:
        """Whether it runs, and how it ended."""
        return self._state

    @property
    def step(self) -> Step:
        """How far it has come."""
        return self._step

    def wait(self, timeout: float | None = None) -> NDArray[np.float64]:
        """The places, when they are there.

        Raises
        ------
        TimeoutError : it still runs after so many seconds.
        WhymissError : it was cancelled, or failed; the message says why.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"the fit is still at {self._step.what} after {timeout} s.")
        if self._error is not None:
            raise self._error
        if self._places is None:
            raise WhymissError("the fit of the map was cancelled; ask for the map again.")
        return self._places

    def cancel(self) -> None:
        """Stop it now; a fit that has ended stays as it is."""
        with self._lock:
            if self._state == "running":
                self._state = "cancelled"
                if self._process is not None:
                    self._process.kill()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="whymiss-map-") as folder:
                self._fit(Path(folder))
        except Exception as error:  # noqa: BLE001  # told by wait(), whatever a caller's function raises
            with self._lock:
                if self._state == "running":
                    self._error, self._state = error, "failed"

    def _fit(self, folder: Path) -> None:
        np.save(folder / "vectors.npy", self._vectors().astype(np.float32), allow_pickle=False)
        (folder / "parameters.json").write_text(json.dumps(asdict(self._parameters)), "utf-8")
        with (folder / "errors.txt").open("wb") as errors:
            process = self._start(folder, errors)
            if process is None:
                return
            with process:
                assert process.stdout is not None
                try:
                    for line in process.stdout:
                        self._tell(line)
                except Exception:
                    # Nobody will use what it is at.
                    process.kill()
                    raise
        if self._state == "cancelled":
            return
        if process.returncode:
            said = (folder / "errors.txt").read_text("utf-8", "replace").strip()
            last = said.rpartition("\n")[2] or f"exit code {process.returncode}"
            raise WhymissError(f"the fit of the map failed: {last}")
        places = np.load(folder / "places.npy", allow_pickle=False)
        if self._then is not None:
            self._then(places)
        with self._lock:
            if self._state == "running":
                self._places, self._state = places, "done"

    def _start(self, folder: Path, errors: IO[bytes]) -> subprocess.Popen[str] | None:
        """The child process; None where the job was cancelled before there was one."""
        with self._lock:
            if self._state != "running":
                return None
            self._process = subprocess.Popen(
                [sys.executable, "-m", "whymiss.projection.child", str(folder)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                encoding="utf-8", errors="replace",
            )  # fmt: skip
            return self._process

    def _tell(self, line: str) -> None:
        what, done, total = json.loads(line)
        self._step = Step(what=what, done=done, total=total)
        if self._progress is not None:
            self._progress(what, done, total)
