"""Settings as the Python that makes them."""

from __future__ import annotations

from whymiss.config import PipelineConfig


def config_code(config: PipelineConfig) -> str:
    """An expression that gives the configuration, with what is not at its default.

    >>> config_code(PipelineConfig().replace({"retrieval.k": 3}))
    "PipelineConfig().replace({'retrieval.k': 3})"
    """
    changes = {path: here for path, (here, _) in config.diff(PipelineConfig()).items()}
    return f"PipelineConfig().replace({changes!r})" if changes else "PipelineConfig()"
