"""Every knob of the pipeline in one frozen tree: replace, compare, fingerprint, TOML in and out."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, Self

from whymiss.errors import ConfigError
from whymiss.records import canonical_json, digest

DEFAULT_MODEL = "all-MiniLM-L6-v2"

_LARGEST: Final = 2**31 - 1
"""No whole number above this: LanceDB takes none, and it is always a slip."""

_INDEX_NAME: Final = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,100}")

Strategy = Literal[
    "fixed", "recursive", "sentence", "heading", "semantic", "parent_child", "openapi", "document"
]
Mode = Literal["dense", "bm25", "hybrid"]
Blend = Literal["replace", "rrf", "weighted"]

LATE_INTERACTION: Final = "maxsim"
"""The `rerank.model` that needs no model of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkingConfig:
    """How documents become chunks. Sizes are tokens of the encoder's own tokenizer.

    strategy : fixed, recursive, sentence, heading, semantic, parent_child, openapi or document;
        `custom:NAME` is written here by the workbench for a chunker passed as a callable.
    size : most tokens of a chunk, without heading prefix and special tokens. Ignored by "document".
    overlap : tokens that neighbouring chunks share at most; smaller than size.
    parent_size : most tokens of the passage read when a small chunk matches (parent_child only).
    heading_prefix : put the heading path before the text that is embedded and searched.
    oversize : a table, list or code block larger than `size` is split at its rows ("split") or
        kept whole and reported when the encoder cannot see all of it ("keep").
    breakpoint_percentile : semantic only; a new chunk starts where the distance between
        neighbouring sentences is above this percentile of the document's distances.
    """

    strategy: str = "heading"
    size: int = 200
    overlap: int = 0
    parent_size: int = 600
    heading_prefix: bool = True
    oversize: Literal["split", "keep"] = "split"
    breakpoint_percentile: float = 90.0

    def __post_init__(self) -> None:
        _check_types("chunking", self)
        known = typing.get_args(Strategy)
        if self.strategy not in known and not self.strategy.startswith("custom:"):
            raise _unknown_choice("chunking.strategy", self.strategy, known)
        _at_least("chunking.size", self.size, 8)
        _at_least("chunking.overlap", self.overlap, 0)
        if self.overlap >= self.size:
            raise ConfigError(
                f"chunking.overlap must be smaller than chunking.size; got {self.overlap} and "
                f"{self.size}. Lower the overlap or raise the size."
            )
        if self.strategy == "parent_child" and self.parent_size < self.size:
            raise ConfigError(
                f"chunking.parent_size must be at least chunking.size; got {self.parent_size} "
                f"and {self.size}."
            )
        _between("chunking.breakpoint_percentile", self.breakpoint_percentile, 0, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig:
    """Which encoder turns text into vectors.

    model : a sentence-transformers model by name or folder; the default ships with the package.
    query_prefix, document_prefix : text some models want before a query or a passage.
    max_tokens : lower the encoder's limit; 0 keeps the model's own.
    late_chunking : a chunk's vector is the mean of its token vectors, read in the whole document
        (Günther et al. 2024), instead of the chunk encoded by itself. Needs a mean-pooling model.
    allow_download : may fetch a model that is not on this machine. Off: never any network.
    device : "cpu", "cuda", "mps"; empty lets torch choose.
    precision : "float32", or "bfloat16": about twice as fast on a processor that multiplies it
        (AVX512-BF16, AMX), an error on others; a cosine moves by less than 0.0002.
    """

    model: str = DEFAULT_MODEL
    query_prefix: str = ""
    document_prefix: str = ""
    max_tokens: int = 0
    late_chunking: bool = False
    allow_download: bool = False
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        _check_types("embedding", self)
        if not self.model:
            raise ConfigError("embedding.model needs a model name or folder; got an empty text.")
        _at_least("embedding.max_tokens", self.max_tokens, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """Which named index is used, and whether vectors are searched exactly.

    name : one index per chunking and embedding setting; several stand side by side.
    ann : "none" searches exactly; "ivf_pq" and "ivf_hnsw_sq" approximately, through LanceDB.
    nprobes, refine_factor, ef : LanceDB's search effort for approximate search; 0 leaves its own.
    """

    name: str = "main"
    ann: Literal["none", "ivf_pq", "ivf_hnsw_sq"] = "none"
    nprobes: int = 0
    refine_factor: int = 0
    ef: int = 0

    def __post_init__(self) -> None:
        _check_types("index", self)
        if not _INDEX_NAME.fullmatch(self.name):
            raise ConfigError(
                "index.name takes 1 to 100 of the letters a-z and A-Z, digits, '-', '_' and '.'; "
                f"got {self.name!r}."
            )
        for knob in ("nprobes", "refine_factor", "ef"):
            _at_least(f"index.{knob}", getattr(self, knob), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalConfig:
    """How candidates are found and merged.

    mode : "dense", "bm25", or "hybrid" (both).
    k : how many chunks go on to the context.
    candidate_depth : how many candidates each branch hands on; at least k.
    fusion : "rrf" trusts ranks (Cormack et al. 2009), "weighted" adds min-max scaled scores (Bruch
        et al. 2023).
    rank_constant : RRF's constant; larger flattens early ranks.
    dense_weight : weight of the dense branch in hybrid mode, 0 to 1; BM25 has the rest.
    filter_mode : "pre" restricts before candidates are chosen; "post" filters metadata after (and
        may starve). Permissions are always enforced before.
    mmr_lambda : 1 ranks by relevance alone; lower trades it for variety (Carbonell and Goldstein
        1998).
    min_score : dense candidates with a lower cosine are dropped; -1 keeps all.
    bm25_k1, bm25_b : BM25's saturation and length normalisation.
    bm25_engine : "sparse" and "rank_bm25" give the same scores; the second is the slow reference.
    stemmer : Snowball language for BM25 terms; empty for none.
    stop_words : leave out the commonest English function words in BM25.
    """

    mode: Mode = "hybrid"
    k: int = 5
    candidate_depth: int = 50
    fusion: Literal["rrf", "weighted"] = "weighted"
    rank_constant: int = 60
    dense_weight: float = 0.5
    filter_mode: Literal["pre", "post"] = "pre"
    mmr_lambda: float = 1.0
    min_score: float = -1.0
    bm25_k1: float = 1.5
    bm25_b: float = 0.75
    bm25_engine: Literal["sparse", "rank_bm25"] = "sparse"
    stemmer: str = "english"
    stop_words: bool = True

    def __post_init__(self) -> None:
        _check_types("retrieval", self)
        _at_least("retrieval.k", self.k, 1)
        if self.candidate_depth < self.k:
            raise ConfigError(
                f"retrieval.candidate_depth must be at least retrieval.k; got "
                f"{self.candidate_depth} and {self.k}."
            )
        _at_least("retrieval.rank_constant", self.rank_constant, 1)
        _between("retrieval.dense_weight", self.dense_weight, 0, 1)
        _between("retrieval.mmr_lambda", self.mmr_lambda, 0, 1)
        _between("retrieval.min_score", self.min_score, -1, 1)
        _at_least("retrieval.bm25_k1", self.bm25_k1, 0)
        _between("retrieval.bm25_b", self.bm25_b, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankConfig:
    """Whether the best candidates are read once more and put in a new order.

    model : "maxsim" is late interaction (Khattab and Zaharia 2020) with token vectors of the
        embedding model, kept from ingest: no weights of its own. Any other name or folder is a
        cross-encoder; empty skips the stage.
    depth : how many candidates it reads; the others keep their order behind them.
    blend : "replace" orders by the reranker alone; "rrf" and "weighted" merge its order with the
        one before, by ranks (Cormack et al. 2009) or by scores scaled to 0..1.
    allow_download : may fetch a model that is not on this machine. Off: never any network.
    """

    model: str = LATE_INTERACTION
    depth: int = 50
    blend: Blend = "weighted"
    allow_download: bool = False

    def __post_init__(self) -> None:
        _check_types("rerank", self)
        _at_least("rerank.depth", self.depth, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextConfig:
    """How the chosen chunks become the text that the generator reads.

    token_budget : most tokens of the context, counted by the encoder's tokenizer.
    order : "rank" best first, "reverse" best last, "edges" best at both ends, "document" as they
        stand in their documents.
    deduplicate : leave out passages whose words repeat an earlier one.
    """

    token_budget: int = 1500
    order: Literal["rank", "reverse", "edges", "document"] = "rank"
    deduplicate: bool = True

    def __post_init__(self) -> None:
        _check_types("context", self)
        _at_least("context.token_budget", self.token_budget, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerConfig:
    """Who writes the answer.

    generator : "extractive" quotes sentences of the context; "openai" asks any OpenAI-compatible
        endpoint at `base_url` for `model`, with `temperature`, at most `max_output_tokens` and
        `timeout_seconds`.
    api_key_env : name of the environment variable with the key; the key itself is never stored.
    min_support : the extractive generator abstains when no sentence is this close to the question
        (0 to 1).
    max_sentences : most sentences the extractive generator quotes.
    """

    generator: Literal["extractive", "openai"] = "extractive"
    base_url: str = ""
    model: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    temperature: float = 0.1
    max_output_tokens: int = 500
    timeout_seconds: float = 60.0
    min_support: float = 0.35
    max_sentences: int = 3

    def __post_init__(self) -> None:
        _check_types("answer", self)
        if self.generator == "openai" and not (self.base_url and self.model):
            raise ConfigError(
                "answer.generator 'openai' needs answer.base_url and answer.model; got "
                f"{self.base_url!r} and {self.model!r}."
            )
        _between("answer.temperature", self.temperature, 0, 2)
        _at_least("answer.max_output_tokens", self.max_output_tokens, 1)
        _at_least("answer.timeout_seconds", self.timeout_seconds, 0.001)
        _between("answer.min_support", self.min_support, 0, 1)
        _at_least("answer.max_sentences", self.max_sentences, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceConfig:
    """What is remembered of a request.

    keep : write a trace of every `ask` to the store.
    raw_text : keep the question and the answer in plain text; off, only a keyed hash of the
        question is kept.
    low_score : a best dense cosine under this raises the flag "low score".
    """

    keep: bool = True
    raw_text: bool = False
    low_score: float = 0.25

    def __post_init__(self) -> None:
        _check_types("trace", self)
        _between("trace.low_score", self.low_score, -1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """Every knob, grouped by stage.

    >>> config = PipelineConfig().replace({"retrieval.k": 8, "chunking.size": 128})
    >>> config.diff(PipelineConfig())
    {'chunking.size': (128, 200), 'retrieval.k': (8, 5)}
    """

    chunking: ChunkingConfig = field(default_factory=ChunkingConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    rerank: RerankConfig = field(default_factory=RerankConfig)
    context: ContextConfig = field(default_factory=ContextConfig)
    answer: AnswerConfig = field(default_factory=AnswerConfig)
    trace: TraceConfig = field(default_factory=TraceConfig)

    def __post_init__(self) -> None:
        _check_types("PipelineConfig", self)

    def flat(self) -> dict[str, Any]:
        """Every knob as {"group.knob": value}, in the order of this page."""
        return {
            f"{group.name}.{knob.name}": getattr(getattr(self, group.name), knob.name)
            for group in fields(self)
            for knob in fields(getattr(self, group.name))
        }

    def replace(self, changes: Mapping[str, Any] | None = None, **knobs: Any) -> Self:
        """A copy with some knobs changed, named "group.knob" or, as keywords, group__knob.

        Raises
        ------
        ConfigError : a knob is unknown, of the wrong type or out of range.

        >>> PipelineConfig().replace(retrieval__mode="dense").retrieval.mode
        'dense'
        """
        wanted = {**(changes or {}), **{k.replace("__", ".", 1): v for k, v in knobs.items()}}
        known = self.flat()
        grouped: dict[str, dict[str, Any]] = {}
        for path, value in wanted.items():
            if path not in known:
                raise _unknown_choice("PipelineConfig", path, tuple(known))
            group, knob = path.split(".")
            grouped.setdefault(group, {})[knob] = value
        return dataclasses.replace(
            self,
            **{g: dataclasses.replace(getattr(self, g), **knobs) for g, knobs in grouped.items()},
        )

    def diff(self, other: PipelineConfig) -> dict[str, tuple[Any, Any]]:
        """The knobs that differ, as {"group.knob": (here, there)}."""
        there = other.flat()
        return {path: (v, there[path]) for path, v in self.flat().items() if v != there[path]}

    def fingerprint(self) -> str:
        """Twelve hex digits that name this configuration: equal knobs, equal fingerprint."""
        return digest(canonical_json(self.flat()))[:12]

    def index_knobs(self) -> dict[str, Any]:
        """The knobs that decide what an index holds; all others act at query time."""
        relevant = ("chunking.", "embedding.")
        ignored = ("embedding.allow_download", "embedding.device", "embedding.query_prefix")
        return {
            path: value
            for path, value in self.flat().items()
            if path.startswith(relevant) and path not in ignored
        }

    def to_toml(self) -> str:
        """All knobs as TOML, one table per group."""
        import tomli_w

        return tomli_w.dumps(dataclasses.asdict(self))

    @classmethod
    def from_toml(cls, text_or_path: str | Path) -> Self:
        """Read knobs from TOML text or a file; knobs not named keep their default.

        Raises
        ------
        ConfigError : the TOML is broken or names an unknown knob.

        >>> PipelineConfig.from_toml("[retrieval]\\nk = 3").retrieval.k
        3
        """
        where = str(text_or_path) if isinstance(text_or_path, Path) else "the TOML text"
        try:
            tables = tomllib.loads(_read(text_or_path))
        except OSError as error:
            raise ConfigError(f"PipelineConfig.from_toml cannot read {where}: {error}") from error
        except (ValueError, RecursionError) as error:
            hint = " A file is passed as a Path." if str(text_or_path).endswith(".toml") else ""
            raise ConfigError(
                f"PipelineConfig.from_toml: {where} is not TOML: {error}.{hint}"
            ) from error
        changes: dict[str, Any] = {}
        for group, knobs in tables.items():
            if not isinstance(knobs, dict):
                raise ConfigError(
                    f"PipelineConfig.from_toml: {where} has {group!r} outside a table; write it "
                    "under one of " + ", ".join(f"[{g.name}]" for g in fields(cls)) + "."
                )
            changes.update({f"{group}.{knob}": value for knob, value in knobs.items()})
        return cls().replace(changes)


def _read(text_or_path: str | Path) -> str:
    # Editors on Windows put a byte order mark in front, which TOML does not know.
    return text_or_path.read_text("utf-8-sig") if isinstance(text_or_path, Path) else text_or_path


def _check_types(group: str, config: Any) -> None:
    """Refuse every knob that is not of its annotated type; whole numbers may stand for floats."""
    for knob, kind in typing.get_type_hints(type(config)).items():
        object.__setattr__(config, knob, _typed(f"{group}.{knob}", getattr(config, knob), kind))


def _typed(path: str, value: Any, kind: Any) -> Any:
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            raise _unknown_choice(path, value, typing.get_args(kind))
        return value
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(
            f"{path} must be {kind.__name__}; got {value!r} ({type(value).__name__})."
        )
    if kind is int and abs(value) > _LARGEST:
        raise ConfigError(f"{path} must be at most {_LARGEST}; got a larger number.")
    return _finite(path, value) if kind is float else value


def _finite(path: str, value: float) -> float:
    if not abs(value) <= _LARGEST:  # so that NaN is refused too
        shown = value if isinstance(value, float) else "a larger number"
        raise ConfigError(f"{path} must be a number of at most {_LARGEST}; got {shown}.")
    # Plus zero: 0.0 and -0.0 are equal and must not give two fingerprints.
    return float(value) + 0.0


def _unknown_choice(who: str, value: Any, known: tuple[Any, ...]) -> ConfigError:
    close = difflib.get_close_matches(str(value), [str(k) for k in known], n=3, cutoff=0.6)
    meant = f"Did you mean {' or '.join(map(repr, close))}?"
    hint = meant if close else f"It takes {', '.join(map(str, known))}."
    return ConfigError(f"{who} does not know {value!r}. {hint}")


def _at_least(knob: str, value: float, least: float) -> None:
    if not value >= least:
        raise ConfigError(f"{knob} must be at least {least}; got {value}.")


def _between(knob: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{knob} must be between {low} and {high}; got {value}.")
