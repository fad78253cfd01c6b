"""A sentence-transformers model run on token ids: no text is tokenised twice, no padding wasted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from whymiss.embedding.processor import check_bfloat16
from whymiss.errors import ModelError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from whymiss.embedding.tokenizer import HuggingFaceTokenizer
    from whymiss.protocols import Vectors

    Ids = NDArray[np.int64]

_PROBES: Final = (
    "An annual plan renews by itself.",
    "  Refunds\n\ttake 10 days (café, 東京): don't ask?  ",
    "One of many clauses is longer than the model reads. " * 100,
)
"""Texts of unlike lengths, with white space around them, and beyond any short limit."""
_SAME: Final = 1e-4
_ALIKE: Final = 2e-2
"""Most by which unit vectors of one text differ in float32, and in bfloat16, to be the same."""


class Transformer:
    """The modules of a model, run on rows of token ids; pooling and length are float32's.

    `runs_on_ids` says whether the model's vectors come out this way; where not, only its own
    `encode` gives them. `no_token_vectors_because` is empty when a sentence vector is the mean of
    its token vectors. `precision` "bfloat16" turns the first module, the transformer, to bfloat16;
    what follows it (pooling, projection) stays in float32.

    Raises
    ------
    ModelError : bfloat16 is asked for and the device has none, or the model is no transformer.
    """

    def __init__(
        self, model: Any, tokenizer: HuggingFaceTokenizer, max_tokens: int, *, precision: str
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._before, self._after = tokenizer.special_ids()
        self._n_text = max(0, max_tokens - len(self._before) - len(self._after))
        self.runs_on_ids = self._is_what_it_says()
        self.no_token_vectors_because = self._why_not_a_mean()
        if precision == "bfloat16":
            self._halve()
        if self.runs_on_ids and model.device.type == "cpu":
            self._pack()

    def rows(self, texts: Sequence[str]) -> list[Ids]:
        """Token ids of texts as the model reads them: special tokens, cut at its limit."""
        return [
            np.concatenate([self._before, piece.ids[: self._n_text], self._after])
            for piece in self._tokenizer.pieces(texts)
        ]

    def sentence_vectors(self, rows: Sequence[Ids]) -> Vectors:
        """One vector of length 1 per row, float32."""
        import torch

        with torch.inference_mode():
            features = self._read(rows)
            for module in list(self._model)[1:]:
                features = module(features)
            pooled = features["sentence_embedding"].float()
            unit: Vectors = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return unit

    def token_vectors(self, rows: Sequence[Ids]) -> list[NDArray[np.float32]]:
        """One vector per token of each row, float32, special tokens included."""
        import torch

        with torch.inference_mode():
            states = self._read(rows)["token_embeddings"].cpu().numpy()
        return [found[: len(row)] for found, row in zip(states, rows, strict=True)]

    def _read(self, rows: Sequence[Ids]) -> dict[str, torch.Tensor]:
        import torch

        model = self._model
        longest = max(map(len, rows))
        ids = np.full((len(rows), longest), model.tokenizer.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        features: dict[str, torch.Tensor] = model[0](
            {
                "input_ids": torch.from_numpy(ids).to(model.device),
                "attention_mask": torch.from_numpy(mask).to(model.device),
            }
        )
        features["token_embeddings"] = features["token_embeddings"].float()
        return features

    def _is_what_it_says(self) -> bool:
        """Whether running on ids gives the vectors of `encode`, asked of the model itself."""
        expected = self._model.encode(
            list(_PROBES), prompt="", show_progress_bar=False, normalize_embeddings=True
        )
        return self._gives(np.asarray(expected, dtype=np.float32), _SAME)

    def _gives(self, expected: Vectors, tolerance: float) -> bool:
        try:
            found = self.sentence_vectors(self.rows(_PROBES))
        # Whatever a foreign module raises where it cannot be run on ids.
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            return False
        return found.shape == expected.shape and bool(np.abs(found - expected).max() < tolerance)

    def _why_not_a_mean(self) -> str:
        modules = f"(modules {_modules(self._model)})"
        if not self.runs_on_ids:
            return f"the model {modules} cannot be run on token ids alone"
        row = self.rows(_PROBES[:1])
        mean = self.token_vectors(row)[0].mean(axis=0)
        (sentence,) = self.sentence_vectors(row)
        if mean.shape == sentence.shape:
            apart = float(np.abs(mean / np.linalg.norm(mean) - sentence).max())
            if apart < _SAME:
                return ""
        return (
            f"its sentence vector is not the mean of its token vectors {modules}, so it cannot be "
            "put together from them"
        )

    def _halve(self) -> None:
        import torch

        if not self.runs_on_ids:
            raise ModelError(
                "embedding.precision = 'bfloat16' is offered for transformers that can be run on "
                f"token ids; this model ({_modules(self._model)}) cannot. Use 'float32'."
            )
        check_bfloat16(self._model.device)
        self._model[0].to(torch.bfloat16)

    def _pack(self) -> None:
        """Use the faster matrix product if this torch has it and it gives the same vectors."""
        from whymiss.embedding.packed_linear import pack_linears

        expected = self.sentence_vectors(self.rows(_PROBES))
        dtype = next(self._model[0].parameters()).dtype
        try:
            put_back = pack_linears(self._model[0])
        except (AttributeError, RuntimeError):
            return
        if not self._gives(expected, _SAME if dtype.itemsize == 4 else _ALIKE):
            put_back()


def _modules(model: Any) -> str:
    return " > ".join(type(module).__name__ for module in model)
