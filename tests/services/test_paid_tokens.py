"""Bodies against the real model server: it never generates more tokens than a credential has paid for.

The witness is the server's own count of all tokens that it has generated.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rln.errors import InputError
from rln.http.route import Priced, Route
from tests.support.effort import effort
from tests.support.model_server import NAME, ModelServer, model_server

pytestmark = pytest.mark.slow

BASE, PROMPT_BYTES, OUTPUT_TOKENS, DEFAULT_TOKENS = 1, 256, 4, 8
STORY = '"Tell me a very long story about a dragon, and do not stop."'
MESSAGES = '[{"role": "user", "content": ' + STORY + "}]"


class Dialect(NamedTuple):
    """A way to ask: the route's adapter, where it is, and what a body needs beside the model.

    Args:
        limit: the field that says how many tokens may come.
    """

    adapter: str
    path: str
    prompts: tuple[tuple[str, str], ...]
    limit: str


TEXTS = (("prompt", STORY), ("prompt", f"[{STORY}, {STORY}]"), ("prompt", "[[1, 2, 3], [4, 5]]"))
TEXTS += (("prompt", "[1, 2, 3]"), ("prompt", f"[{STORY}, [1, 2]]"), ("prompt", "[]"))
TEXTS += (("prompt", '""'), ("prompt", f'[{STORY}, ""]'))  # with two answers, the server never ends
TALKS = (("messages", MESSAGES),) * 3
TALKS += (("messages", '[{"role": "assistant", "content": ""}]'),)  # as an empty text
TALKS += (("messages", '[{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]'),)
DIALECTS = (
    Dialect("openai-chat", "/v1/chat/completions", TALKS, "max_tokens"),
    Dialect("openai-completions", "/v1/completions", TEXTS, "max_tokens"),
    Dialect("openai-responses", "/v1/responses", (("input", STORY),), "max_output_tokens"),
    Dialect("anthropic-messages", "/v1/messages", (("messages", MESSAGES),), "max_tokens"),
)
BY_ADAPTER = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.adapter)

# Values that servers read in their own way, and numbers that are worth asking for.
NUMBERS = ("0", "1", "2", "3", "5", "9", "12", "-1", "null", "true", "5.7", "1e1", '"9"', "4294967305", "[9]")
OTHERS = (
    *("n_predict", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "n_cmpl", "best_of"),
    *("min_tokens", "ignore_eos", "n_keep", "n_probs", "t_max_predict_ms", "prompt", "echo", "suffix"),
    *("temperature", "top_p", "seed", "stream", "stop", "logprobs", "store", "user", "background"),
    *("max_tool_calls", "thinking", "stop_sequences", "cache_prompt", "id_slot", "return_tokens"),
)


def spellings(name: str) -> st.SearchStrategy[str]:
    """A key as it is, mostly, or so that it only looks like another one, as JSON text."""
    escaped = f"{name[:-1]}\\u{ord(name[-1]):04x}"
    return st.sampled_from([f'"{name}"'] * 6 + [f'"{name.upper()}"', f'"{escaped}"', f'"{name} "'])


@st.composite
def bodies(draw: st.DrawFn, dialect: Dialect) -> bytes:
    """A body near the valid ones: fields missing, foreign, repeated, misspelt, of other types."""
    usual = [("model", f'"{NAME}"'), draw(st.sampled_from(dialect.prompts))]
    if draw(st.integers(0, 9)):
        usual.append((dialect.limit, str(draw(st.integers(1, 13)))))
    if draw(st.booleans()) and dialect.adapter in ("openai-chat", "openai-completions"):
        usual.append(("n", draw(st.sampled_from(["1", "2", "2", "null"]))))
    if draw(st.booleans()):
        usual.append(("stream", draw(st.sampled_from(["true", "false"]))))
    pairs = [f'"{name}": {value}' for name, value in usual]
    for name in draw(st.lists(st.sampled_from(OTHERS), max_size=2)):
        value = draw(st.sampled_from(NUMBERS))
        pairs.insert(draw(st.integers(0, len(pairs))), f"{draw(spellings(name))}: {value}")
    return ("{" + ", ".join(pairs) + "}").encode()


def route_of(dialect: Dialect) -> Route:
    """The price of a dialect: four tokens a unit."""
    return Route(
        "POST",
        dialect.path,
        dialect.adapter,
        models=((NAME, BASE),),
        prompt_bytes=PROMPT_BYTES,
        output_tokens=OUTPUT_TOKENS,
        default_tokens=DEFAULT_TOKENS,
        output_field="max_tokens" if dialect.adapter == "openai-chat" else None,
    )


def price(dialect: Dialect, body: bytes) -> Priced:
    return route_of(dialect).price(b"application/json", b"", b"", body)


def paid_for(units: int, body: bytes) -> int:
    """The tokens that so many units buy with this body, in the words of the price list."""
    return (units - BASE - -(-len(body) // PROMPT_BYTES)) * OUTPUT_TOKENS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    with model_server(tmp_path_factory.mktemp("model")) as server:
        yield server


@BY_ADAPTER
def test_the_model_never_generates_more_tokens_than_were_paid_for(
    model: ModelServer, dialect: Dialect
) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=effort(60, 2000),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        database=None,
    )
    @given(bodies(dialect))
    def check(body: bytes) -> None:
        try:
            priced = price(dialect, body)
        except InputError:
            seen["refused"] += 1
            return
        assert priced.body is not None and priced.output_tokens is not None
        before = model.generated()
        status, answer = model.post(dialect.path, priced.body)
        made = model.generated() - before
        assert made <= priced.output_tokens <= paid_for(priced.units, body), (body, priced.body, answer)
        seen["served" if status == 200 else "refused by the model"] += 1
        seen["ended by the limit"] += status == 200 and made == priced.output_tokens

    check()
    assert seen["served"] >= 10 and seen["refused"] >= 10, seen
    assert seen["ended by the limit"] >= 3, seen


USUAL = {
    one.adapter: f'"model": "{NAME}", "{one.prompts[0][0]}": {one.prompts[0][1]}, "{one.limit}": 4'
    for one in DIALECTS
}
MORE = (
    # Adapter, more of the body, what is wrong.
    ("openai-chat", '"n_predict": 12', "another server's name of the limit"),
    ("openai-chat", '"max_completion_tokens": 12', "two limits"),
    ("openai-chat", '"max_tokens": 12', "a repeated key"),
    ("openai-chat", '"max\\u005ftokens": 12', "a repeated key in another spelling"),
    ("openai-chat", '"n_cmpl": 2', "another server's name of the number of choices"),
    ("openai-chat", '"n": 1, "n_cmpl": 2', "two numbers of choices"),
    ("openai-completions", '"n_predict": 12', "another server's name of the limit"),
    ("openai-completions", '"max_completion_tokens": 12', "the limit of another route"),
    ("openai-completions", '"n_cmpl": 2', "another server's name of the number of choices"),
    ("openai-responses", '"n_predict": 12', "another server's name of the limit"),
    ("openai-responses", '"max_completion_tokens": 12', "the limit of another route"),
    ("openai-responses", '"n": 2', "choices where OpenAI has none"),
    ("openai-responses", '"n_cmpl": 2', "choices in another spelling"),
)


@pytest.mark.parametrize(("adapter", "more", "wrong"), MORE, ids=[f"{one[0]}: {one[2]}" for one in MORE])
def test_a_body_that_would_get_unpaid_tokens_is_refused(
    model: ModelServer, adapter: str, more: str, wrong: str
) -> None:
    """This server gives more than the body's limit of four tokens; so the check above would see it."""
    (dialect,) = (one for one in DIALECTS if one.adapter == adapter)
    body = ("{" + USUAL[adapter] + ", " + more + "}").encode()
    assert any(
        generated_by(model, dialect.path, body) > 4 for _ in range(5)
    )  # a drawn answer may end at once
    with pytest.raises(InputError):
        price(dialect, body)


def generated_by(model: ModelServer, path: str, body: bytes) -> int:
    """Return how many tokens the model generates for a body."""
    before = model.generated()
    assert model.post(path, body)[0] == 200
    return model.generated() - before


@BY_ADAPTER
@pytest.mark.parametrize("limit", ["null", "0", "-1"])
def test_a_limit_that_the_server_reads_in_its_own_way_is_refused_or_written_anew(
    model: ModelServer, dialect: Dialect, limit: str
) -> None:
    """null and -1 mean no limit to this server, and 0 gets one token."""
    body = ("{" + USUAL[dialect.adapter].replace(": 4", f": {limit}") + "}").encode()
    assert json.loads(body)[dialect.limit] in (None, 0, -1)
    try:
        priced = price(dialect, body)
    except InputError:
        return
    assert limit == "null" and priced.body is not None
    before = model.generated()
    assert model.post(dialect.path, priced.body)[0] == 200
    assert model.generated() - before <= DEFAULT_TOKENS == priced.output_tokens


@BY_ADAPTER
def test_a_body_without_a_limit_gets_the_default(model: ModelServer, dialect: Dialect) -> None:
    body = ("{" + USUAL[dialect.adapter].rpartition(",")[0] + "}").encode()
    priced = price(dialect, body)
    assert priced.body is not None and priced.output_tokens == DEFAULT_TOKENS
    assert priced.units == BASE + 1 + DEFAULT_TOKENS // OUTPUT_TOKENS
    before = model.generated()
    assert model.post(dialect.path, priced.body)[0] == 200
    assert model.generated() - before <= DEFAULT_TOKENS
