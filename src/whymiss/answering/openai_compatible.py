"""The generator that asks a chat endpoint of the OpenAI kind: a cloud, vLLM, llama.cpp, Ollama."""

from __future__ import annotations

import os
from typing import Any

import httpx

from whymiss.answering.claims import cited, is_abstention
from whymiss.answering.endpoint import Endpoint, is_loopback
from whymiss.answering.prompt import ABSTENTION, Prompt, build_prompt
from whymiss.config import AnswerConfig
from whymiss.errors import GenerationError
from whymiss.protocols import Tokenizer
from whymiss.records import Answer, Context, Query


class OpenAICompatibleGenerator:
    """Sends the grounded prompt to `{base_url}/chat/completions` and reads the cited answer.

    What leaves this machine is the question and the text of the context, to `base_url` only;
    redirects are refused. The key is read from the environment at each call and kept nowhere. It
    is not sent over plain http to another machine. An empty context is answered by abstaining,
    without a request.

    Parameters
    ----------
    config : endpoint, model, temperature, limits and the name of the key's variable; an empty
        name, or a variable that is not set, sends no key, as local servers want it.
    tokenizer : counts `Answer.n_prompt_tokens` as the context budget is counted.

    Raises
    ------
    GenerationError : `base_url` is not an http or https address.
    """

    def __init__(self, config: AnswerConfig, tokenizer: Tokenizer) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self._url = _chat_url(config.base_url)

    @property
    def name(self) -> str:
        """What the trace calls it."""
        return f"openai:{self._config.model}"

    def generate(self, query: Query, context: Context) -> Answer:
        """An answer whose [n] markers became citations, or an abstention with its reason.

        `Answer.reason` also names what is wrong with an answer: numbers that no passage has, no
        citation at all, a text cut at the limit of tokens.

        Raises
        ------
        GenerationError : the endpoint gave no usable answer.
        """
        if not context.passages:
            return Answer(
                text=ABSTENTION,
                abstained=True,
                reason="the context is empty",
                generator=self.name,
            )
        prompt = build_prompt(query, context)
        endpoint = self._endpoint()
        text, finish = _message(endpoint, endpoint.post(self._payload(prompt)))
        abstained = is_abstention(text)
        citations, unknown = ((), ()) if abstained else cited(text, context)
        return Answer(
            text=ABSTENTION if abstained else text,
            citations=citations,
            abstained=abstained,
            reason="the model found no answer in the passages"
            if abstained
            else self._flaws(finish, bool(citations), unknown, len(context.passages)),
            generator=self.name,
            prompt=prompt.text,
            n_prompt_tokens=prompt.count(self._tokenizer),
        )

    def _payload(self, prompt: Prompt) -> dict[str, Any]:
        return {
            "model": self._config.model,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            "temperature": self._config.temperature,
            "max_tokens": self._config.max_output_tokens,
            "stream": False,
        }

    def _flaws(self, finish: str, has_citations: bool, unknown: tuple[int, ...], n: int) -> str:
        flaws: list[str] = []
        if unknown:
            numbers = ", ".join(f"[{number}]" for number in unknown)
            flaws.append(f"it cites {numbers}, but the context has passages 1 to {n}")
        if not has_citations:
            flaws.append("it cites no passage of the context")
        if finish == "length":
            flaws.append(f"it was cut at {self._config.max_output_tokens} output tokens")
        return "; ".join(flaws)

    def _endpoint(self) -> Endpoint:
        variable = self._config.api_key_env
        key = os.environ.get(variable, "").strip() if variable else ""
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise GenerationError(
                f"the key in the environment variable {variable} holds characters that cannot be "
                "sent; set it again, without quotes and line breaks."
            )
        if key and self._url.scheme != "https" and not is_loopback(self._url.host):
            raise GenerationError(
                f"the key in {variable} is not sent over plain http to {self._url.host}. Use "
                'https, or set answer.api_key_env to "" if the server needs no key.'
            )
        return Endpoint(
            url=self._url,
            key=key,
            key_env=variable,
            timeout_seconds=self._config.timeout_seconds,
        )


def _chat_url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url.rstrip("/") + "/chat/completions")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        # The address itself is not repeated: it may hold a password.
        raise GenerationError(
            "answer.base_url needs an http or https address such as http://localhost:8000/v1; "
            "what it holds is none."
        )
    return url


def _message(endpoint: Endpoint, reply: Any) -> tuple[str, str]:
    """The text of the first choice and why it ended."""
    try:
        choice = reply["choices"][0]
        content, finish = choice["message"]["content"], choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise GenerationError(
            f"{endpoint.name} sent JSON without choices[0].message.content. Check that "
            "answer.base_url is a chat endpoint of the OpenAI kind."
        ) from error
    if not isinstance(content, str) or not content.strip():
        raise GenerationError(
            f"{endpoint.name} sent an empty answer (finish_reason {finish!r}). A model that thinks "
            "first may need a larger answer.max_output_tokens."
        )
    return content.strip(), str(finish)
