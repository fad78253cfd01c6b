"""What the processor offers an encoder: threads, and bfloat16 arithmetic."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whymiss.errors import ModelError

if TYPE_CHECKING:
    import torch

_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
_BFLOAT16: Final = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Names of the instruction sets that multiply bfloat16, on x86 and ARM."""


def yield_idle_cores() -> None:
    """Let threads that wait for each other sleep instead of spinning, unless the user decided.

    OpenMP's default is to spin. On a machine that is busy with something else, a browser say, each
    thread then burns the time slice the other one needs, and one short question took 730 ms
    instead of 15. Read when torch is first imported, so this runs before.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_to_granted_cores(quota: Path = _QUOTA) -> None:
    """Run no more threads than a container grants cores, unless the user decided.

    torch counts the machine's cores; threads beyond the grant wait for each other at every layer.
    """
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), granted_cores(quota)))


def granted_cores(quota: Path) -> int:
    """Cores that a Linux control group grants, rounded up; very many where it sets no limit.

    >>> granted_cores(Path("no such file")) > 1000
    True
    """
    try:
        granted, period = quota.read_text("ascii").split()
        return max(1, math.ceil(int(granted) / int(period)))
    except (OSError, ValueError):
        return 2**16


def check_bfloat16(device: torch.device) -> None:
    """Raise unless the device multiplies bfloat16 by itself; emulated, it is slower than float32.

    Raises
    ------
    ModelError : it does not, or torch is too old to tell.
    """
    import torch

    if device.type == "cpu":
        ask = getattr(torch.cpu, "get_capabilities", None)
        if ask is None:
            raise ModelError(
                "embedding.precision = 'bfloat16' needs a torch that knows the processor "
                f"(torch.cpu.get_capabilities); this is {torch.__version__}. Upgrade torch or "
                "use 'float32'."
            )
        found = ask()
        able = any(found.get(name, False) for name in _BFLOAT16)
    else:
        able = device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)
    if not able:
        raise ModelError(
            "embedding.precision = 'bfloat16' needs a processor that multiplies bfloat16 by itself "
            f"(AVX512-BF16, AMX, or ARM's BF16); the device {device.type!r} has none, and would be "
            "slower than with float32. Use 'float32'."
        )
