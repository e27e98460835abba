"""Routes: what a request costs, what of it is forwarded, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rln.errors import EncodingError, InputError, ParameterError
from rln.http.route import ADAPTERS, FLAT, Priced, Route

JSON = b"application/json"
USUAL: dict[str, Any] = {
    "models": (("small", 1), ("large", 4)),
    "prompt_bytes": 100,
    "output_tokens": 50,
    "default_tokens": 200,
}
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-completions": "/v1/completions",
    "openai-responses": "/v1/responses",
    "openai-embeddings": "/v1/embeddings",
    "anthropic-messages": "/v1/messages",
}
ASKED: dict[str, dict[str, Any]] = {
    "openai-chat": {"model": "small", "messages": [{"role": "user", "content": "Hello"}]},
    "openai-completions": {"model": "small", "prompt": "Hello"},
    "openai-responses": {"model": "small", "input": "Hello"},
    "openai-embeddings": {"model": "small", "input": "Hello"},
    "anthropic-messages": {"model": "small", "messages": [{"role": "user", "content": "Hello"}]},
}
LIMITS = {
    "openai-chat": "max_tokens",
    "openai-completions": "max_tokens",
    "openai-responses": "max_output_tokens",
    "anthropic-messages": "max_tokens",
}
IMAGE = "data:image/png;base64,iVBORw0KGgo="


def route(adapter: str, **changed: Any) -> Route:
    """Return a usual route of an adapter."""
    values = {**USUAL, **changed}
    if adapter == "openai-embeddings":
        values = {name: value for name, value in values.items() if name in ("models", "prompt_bytes")}
    return Route("POST", PATHS[adapter], adapter, **values)


def price(adapter: str, body: dict[str, Any], **changed: Any) -> tuple[Priced, dict[str, Any]]:
    """Return the price of a body, and what is forwarded."""
    found = route(adapter, **changed).price(JSON, b"", b"", json.dumps(body).encode())
    assert found.body is not None
    return found, json.loads(found.body)


# ---- prices ----------------------------------------------------------------------------------------


def test_a_flat_route_costs_the_same_whatever_comes() -> None:
    flat = Route("GET", "/v1/models", FLAT, units=3)
    assert flat.least == 3
    assert flat.price(b"", b"", b"", b"") == Priced(3)
    assert flat.price(b"text/plain", b"gzip", b"a=5", b"\xff") == Priced(3)


@pytest.mark.parametrize("adapter", LIMITS)
def test_a_limit_is_paid_for_in_whole_units(adapter: str) -> None:
    size = len(json.dumps({**ASKED[adapter], LIMITS[adapter]: 100}))
    for limit, units in ((100, 2), (101, 3), (149, 3), (150, 3), (151, 4), (999, 20)):
        body = {**ASKED[adapter], LIMITS[adapter]: limit}
        found, forwarded = price(adapter, body)
        assert found.units == 1 + -(-size // 100) + units
        assert found.output_tokens == limit
        assert forwarded[LIMITS[adapter]] == limit
        assert found.model == "small"


@pytest.mark.parametrize("adapter", LIMITS)
def test_a_body_without_a_limit_gets_the_usual_one(adapter: str) -> None:
    for body in (ASKED[adapter], {**ASKED[adapter], LIMITS[adapter]: None}):
        found, forwarded = price(adapter, body)
        assert found.units == 1 + -(-len(json.dumps(body)) // 100) + 4
        assert (found.output_tokens, forwarded[LIMITS[adapter]]) == (200, 200)


def test_bytes_are_counted_as_they_came() -> None:
    plain = json.dumps(ASKED["openai-chat"]).encode()
    for padding in range(300):
        found = route("openai-chat").price(JSON, b"", b"", plain + b" " * padding)
        assert found.units == 1 + -(-(len(plain) + padding) // 100) + 4
        assert found.body == route("openai-chat").price(JSON, b"", b"", plain).body


def test_models_have_base_units() -> None:
    (small, _), (large, _) = (
        price("openai-chat", {**ASKED["openai-chat"], "model": name}) for name in ("small", "large")
    )
    assert (large.units - small.units, large.model) == (3, "large")


def test_embeddings_have_no_output() -> None:
    found, forwarded = price("openai-embeddings", {**ASKED["openai-embeddings"], "dimensions": 5})
    assert found == Priced(2, None, "small", found.body)
    assert forwarded == {"model": "small", "input": "Hello", "dimensions": 5}


def test_each_choice_is_paid_for() -> None:
    body = {**ASKED["openai-chat"], "max_tokens": 51, "n": 3}
    found, forwarded = price("openai-chat", body)
    assert (found.units, found.output_tokens, forwarded["n"]) == (1 + 1 + 3 * 2, 153, 3)


@pytest.mark.parametrize(
    ("prompt", "choices"),
    [
        (" ", 1),
        ("Hello", 1),
        (["Hello"], 1),
        (["a", "b", " "], 3),
        ([1, 2, 3], 1),
        ([[1, 2, 3]], 1),
        ([[1], [2], [3, 4]], 3),
    ],
)
def test_each_prompt_is_answered_as_often_as_asked(prompt: object, choices: int) -> None:
    for more, times in (
        ({}, 1),
        ({"n": 2}, 2),
        ({"best_of": 3}, 3),
        ({"n": 2, "best_of": 3}, 3),
        ({"n": 3, "best_of": 2}, 3),
    ):
        body = {"model": "small", "prompt": prompt, "max_tokens": 60, **more}
        found, forwarded = price("openai-completions", body)
        assert found.units == 1 + -(-len(json.dumps(body)) // 100) + choices * times * 2
        assert found.output_tokens == choices * times * 60
        assert forwarded == body


@pytest.mark.parametrize(
    "prompt",
    [
        "", [""], ["a", ""],
        [], [[]], [[1], []], ["a", [1]], [[1], "a"], [1, "a"], ["a", 1], [1, True], [1.0], [-1], [1 << 31],
        [[1, "a"]], [["a"]], [[[1]]], {"prompt_string": "x"}, [{"prompt_string": "x"}], 5, True, [None],
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("adapter", "name"), [("openai-completions", "prompt"), ("openai-embeddings", "input")]
)
def test_prompts_of_two_meanings_or_none_are_refused(adapter: str, name: str, prompt: object) -> None:
    with pytest.raises(EncodingError, match=f"^{name}: expected "):
        price(adapter, {"model": "small", name: prompt})


@pytest.mark.parametrize("content", ["", None, [], [{"type": "text", "text": ""}], "Hello"])
def test_messages_of_the_assistant_alone_are_refused(content: object) -> None:
    """Of an empty one llama.cpp makes an empty prompt, and computes without end if two answers are wanted."""
    alone = {"role": "assistant", "content": content}
    with pytest.raises(EncodingError, match="^messages: expected one of another role than assistant"):
        price("openai-chat", {"model": "small", "messages": [alone], "n": 2})
    price("openai-chat", {"model": "small", "messages": [{"role": "user", "content": ""}, alone], "n": 2})


def test_either_name_of_the_limit_becomes_the_one_that_the_upstream_obeys() -> None:
    for output_field in ("max_tokens", "max_completion_tokens"):
        for name in ("max_tokens", "max_completion_tokens"):
            body = {**ASKED["openai-chat"], name: 7}
            _, forwarded = price("openai-chat", body, output_field=output_field)
            assert forwarded == {**ASKED["openai-chat"], output_field: 7}
    with pytest.raises(EncodingError, match="expected one of them, got both"):
        price("openai-chat", {**ASKED["openai-chat"], "max_tokens": 7, "max_completion_tokens": 7})


@pytest.mark.parametrize("adapter", LIMITS)
@pytest.mark.parametrize("limit", [0, -1, True, 5.0, 5.7, "5", [], {}, (1 << 20) + 1, (1 << 32) + 3])
def test_a_limit_is_an_integer_that_every_server_reads_as_one(adapter: str, limit: object) -> None:
    with pytest.raises(InputError, match=f"^{LIMITS[adapter]}: expected "):
        price(adapter, {**ASKED[adapter], LIMITS[adapter]: limit})


@pytest.mark.parametrize("number", [0, -1, True, 1.9, "2", 129])
@pytest.mark.parametrize(
    ("adapter", "name"),
    [("openai-chat", "n"), ("openai-completions", "n"), ("openai-completions", "best_of")],
)
def test_choices_are_counted_exactly(adapter: str, name: str, number: object) -> None:
    with pytest.raises(InputError, match=f"^{name}: expected "):
        price(adapter, {**ASKED[adapter], name: number})


# ---- what is forwarded -----------------------------------------------------------------------------

OTHERS = (
    "n_predict n_cmpl max_new_tokens max_length MAX_TOKENS maxTokens user metadata safety_identifier "
    "prompt_cache_key prompt_cache_retention previous_response_id conversation background prompt_id "
    "service_tier prediction echo web_search_options modalities audio functions function_call container "
    "mcp_servers context_management cache_control id_slot cache_prompt slot_id lora grammar min_tokens "
    "use_beam_search ignore_eos chat_template chat_template_kwargs extra_body documents plugins route models "
    "provider transforms inference_geo speed betas inputs options timings_per_token"
).split()


@pytest.mark.parametrize("adapter", PATHS)
@pytest.mark.parametrize("name", OTHERS)
def test_a_field_that_has_no_price_is_refused_by_its_name(adapter: str, name: str) -> None:
    for value in (None, False, 5, "text", {}, []):
        with pytest.raises(
            EncodingError, match=f"^{name}: this field is not forwarded; leave it out. Allowed"
        ):
            price(adapter, {**ASKED[adapter], name: value})


@pytest.mark.parametrize(
    ("adapter", "names"),
    [
        ("openai-chat", {"max_tokens", "max_completion_tokens", "n"}),
        ("openai-completions", {"max_tokens", "n", "best_of"}),
        ("openai-responses", {"max_output_tokens"}),
        ("openai-embeddings", set()),
        ("anthropic-messages", {"max_tokens"}),
    ],
)
def test_limits_and_choices_of_another_api_are_refused(adapter: str, names: set[str]) -> None:
    """A server may obey them: llama.cpp obeys `max_completion_tokens` and `n` on responses."""
    for name in {"max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of"} - names:
        with pytest.raises(EncodingError, match=f"^{name}: this field is not forwarded"):
            price(adapter, {**ASKED[adapter], name: 1})
    for name in names:
        assert price(adapter, {**ASKED[adapter], name: 1})


def test_an_error_shows_an_odd_name_in_one_line() -> None:
    for name in ("a\nb", "\x1b[31m", "é" * 100, "", "x" * 100):
        with pytest.raises(EncodingError, match="this field is not forwarded") as caught:
            price("openai-chat", {**ASKED["openai-chat"], name: 1})
        assert str(caught.value).isprintable()
        assert str(caught.value).startswith(repr(name[:40]))


@pytest.mark.parametrize("adapter", PATHS)
def test_null_counts_as_absent(adapter: str) -> None:
    plain = price(adapter, ASKED[adapter])[1]
    assert (
        price(adapter, {**ASKED[adapter], "stream": None} if adapter in LIMITS else ASKED[adapter])[1]
        == plain
    )
    for name in ASKED[adapter]:
        with pytest.raises(EncodingError, match=f"^{name}: expected a value, got none"):
            price(adapter, {**ASKED[adapter], name: None})


@pytest.mark.parametrize("adapter", PATHS)
def test_the_model_must_have_a_price(adapter: str) -> None:
    for name in ("other", "Small", "small ", "", "small\x00", "ſmall"):
        with pytest.raises(ParameterError, match="^model: expected one of large, small, got "):
            price(adapter, {**ASKED[adapter], "model": name})
    with pytest.raises(EncodingError, match="^model: expected text, got an array"):
        price(adapter, {**ASKED[adapter], "model": ["small"]})


@pytest.mark.parametrize("adapter", PATHS)
@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"5", b"null", b"true"])
def test_a_body_is_an_object(adapter: str, body: bytes) -> None:
    with pytest.raises(EncodingError, match="^body: "):
        route(adapter).price(JSON, b"", b"", body)


@pytest.mark.parametrize(
    ("content_type", "good"),
    [
        (b"application/json", True),
        (b"Application/JSON", True),
        (b"application/json; charset=utf-8", True),
        (b'application/json;charset="UTF-8"', True),
        (b"", False),
        (b"text/plain", False),
        (b"application/json; charset=utf-16", False),
        (b"application/json; charset=utf-8; x=y", False),
        (b"application/json, text/plain", False),
        (b"application/jsonx", False),
        (b"application/x-www-form-urlencoded", False),
        (b"application/json\n", False),
    ],
)
def test_a_metered_body_is_json(content_type: bytes, good: bool) -> None:
    body = json.dumps(ASKED["openai-chat"]).encode()
    if good:
        assert route("openai-chat").price(content_type, b"", b"", body).units == 6
    else:
        with pytest.raises(EncodingError, match="^content-type: expected application/json"):
            route("openai-chat").price(content_type, b"", b"", body)


def test_a_metered_body_is_plain_and_stands_alone() -> None:
    body = json.dumps(ASKED["openai-chat"]).encode()
    with pytest.raises(EncodingError, match="^content-encoding: expected none"):
        route("openai-chat").price(JSON, b"gzip", b"", body)
    with pytest.raises(EncodingError, match="^query: expected none"):
        route("openai-chat").price(JSON, b"", b"api-version=5", body)


def test_what_is_forwarded_is_written_anew() -> None:
    body = b'{ "model":"sm\\u0061ll",\n "messages":[{"content":"\xc3\xa9", "role":"user"}], "top_p": 0.50 }'
    found = route("openai-chat").price(b"Application/JSON", b"", b"", body)
    assert found.body == (
        b'{"model":"small","messages":[{"content":"\\u00e9","role":"user"}],"top_p":0.5,"max_tokens":200}'
    )
    assert "small" in repr(found)
    assert "messages" not in repr(found)


# ---- content ---------------------------------------------------------------------------------------


def test_messages_errors_name_the_place_and_no_value() -> None:
    secret = "my own secret"
    for messages, place in (
        ([{"role": secret, "content": "x"}], r"messages\[0\]\.role: expected system or developer"),
        (
            [{"role": "user", "content": 5}],
            r"messages\[0\]\.content: expected text or an array, got a number",
        ),
        (
            [{"role": "user", "content": [{"type": secret}]}],
            r"messages\[0\]\.content\[0\]\.type: expected text or image",
        ),
        (
            [{"role": "user", "content": "x"}, {"role": "user"}],
            r"messages\[1\]\.content: expected a value, got none",
        ),
        (
            [{"role": "user", "content": "x", "cache_control": secret}],
            r"messages\[0\]\.cache_control: this field",
        ),
        ([secret], r"messages\[0\]: expected an object, got text"),
        (secret, "messages: expected an array, got text"),
        ([], "messages: expected 1 to "),
    ):
        with pytest.raises(EncodingError, match=f"^{place}") as caught:
            price("openai-chat", {"model": "small", "messages": messages})
        assert secret not in str(caught.value)


def test_a_whole_conversation_with_tools_is_forwarded() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    schema = {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"type": "number"}},
    }
    body = {
        "model": "small",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be short."}]},
            {"role": "user", "content": "1 + 1?", "name": "one"},
            {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "audio": None,
                "annotations": [],
                "tool_calls": [call],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        ],
        "tools": [{"type": "function", "function": {"name": "add", "parameters": schema, "strict": True}}],
        "tool_choice": {"type": "function", "function": {"name": "add"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        "logit_bias": {"50256": -100},
        "stop": ["\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "store": False,
    }
    _, forwarded = price("openai-chat", body)
    expected = json.loads(json.dumps(body))
    expected["messages"][2] = {"role": "assistant", "tool_calls": [call]}
    assert forwarded == {**expected, "max_tokens": 200}


@pytest.mark.parametrize(
    ("adapter", "tool"),
    [
        ("openai-chat", {"type": "web_search"}),
        ("openai-chat", {"type": "custom", "custom": {"name": "x"}}),
        ("openai-responses", {"type": "web_search_preview"}),
        ("openai-responses", {"type": "file_search", "vector_store_ids": ["vs_1"]}),
        ("openai-responses", {"type": "code_interpreter", "container": {"type": "auto"}}),
        ("openai-responses", {"type": "mcp", "server_url": "https://evil.example"}),
        ("openai-responses", {"type": "image_generation"}),
        ("openai-responses", {"type": "computer_use_preview"}),
        ("openai-responses", {"type": "local_shell"}),
        ("anthropic-messages", {"type": "web_search_20250305", "name": "web_search"}),
        ("anthropic-messages", {"type": "bash_20250124", "name": "bash"}),
        ("anthropic-messages", {"type": "code_execution_20250825", "name": "code_execution"}),
        ("anthropic-messages", {"type": ["custom"], "name": "x", "input_schema": {}}),
    ],
)
def test_tools_of_the_server_are_refused(adapter: str, tool: dict[str, Any]) -> None:
    with pytest.raises(EncodingError, match=r"^tools\[0\]\.type: expected (function|custom)"):
        price(adapter, {**ASKED[adapter], "tools": [tool]})


@pytest.mark.parametrize("reference", ["$ref", "$dynamicRef", "$recursiveRef"])
def test_a_schema_refers_to_nothing_that_a_server_could_fetch(reference: str) -> None:
    inner = {"allOf": [{"properties": {"x": {reference: "http://169.254.169.254/latest"}}}]}
    for adapter, more in (
        ("openai-chat", {"tools": [{"type": "function", "function": {"name": "x", "parameters": inner}}]}),
        (
            "openai-chat",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": inner}}},
        ),
        ("openai-responses", {"tools": [{"type": "function", "name": "x", "parameters": inner}]}),
        ("openai-responses", {"text": {"format": {"type": "json_schema", "name": "x", "schema": inner}}}),
        ("anthropic-messages", {"tools": [{"name": "x", "input_schema": inner}]}),
        ("anthropic-messages", {"output_config": {"format": {"type": "json_schema", "schema": inner}}}),
    ):
        with pytest.raises(EncodingError, match="expected references that begin with #"):
            price(adapter, {**ASKED[adapter], **more})


def _with_image(adapter: str, part: object) -> dict[str, Any]:
    name = "input" if adapter == "openai-responses" else "messages"
    return {"model": "small", name: [{"role": "user", "content": [part, part]}]}


IMAGES = [
    ("openai-chat", {"type": "image_url", "image_url": {"url": IMAGE, "detail": "high"}}),
    ("openai-responses", {"type": "input_image", "image_url": IMAGE, "detail": "low"}),
    (
        "anthropic-messages",
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
    ),
]


@pytest.mark.parametrize(("adapter", "part"), IMAGES)
def test_images_are_sold_by_the_piece_or_not_at_all(adapter: str, part: dict[str, Any]) -> None:
    body = _with_image(adapter, part)
    with pytest.raises(EncodingError, match="got an image; the price list has no price for images"):
        price(adapter, body)
    found, forwarded = price(adapter, body, image_units=3)
    assert found.units == 1 + -(-len(json.dumps(body)) // 100) + 2 * 3 + 4
    assert json.dumps(part)[1:-1] in json.dumps(forwarded)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/x.png", "http://169.254.169.254/", "file:///etc/passwd", "//x", "", "data:",
        "data:image/png;base64,", "data:text/html;base64,AAAA", "DATA:image/png;base64,AAAA",
        "data:image/svg+xml;base64,AAAA", "data:image/png;base64,AA AA", "data:image/png,AAAA",
        "data:image/png;base64,AAAA\n", " data:image/png;base64,AAAA", "file-abc123", 5, {"url": "x"},
    ],
)  # fmt: skip
def test_an_image_is_in_the_body(address: object) -> None:
    for adapter, part in (
        ("openai-chat", {"type": "image_url", "image_url": {"url": address}}),
        ("openai-responses", {"type": "input_image", "image_url": address}),
    ):
        with pytest.raises(EncodingError, match=r"^(messages|input)\[0\]\.content\[0\]\.image_url"):
            price(adapter, _with_image(adapter, part), image_units=3)


@pytest.mark.parametrize(
    ("adapter", "part"),
    [
        ("openai-chat", {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        ("openai-chat", {"type": "file", "file": {"file_id": "file-1"}}),
        ("openai-responses", {"type": "input_image", "file_id": "file-1"}),
        ("openai-responses", {"type": "input_image", "image_url": IMAGE, "file_id": "file-1"}),
        ("openai-responses", {"type": "input_file", "file_data": "AAAA"}),
        ("openai-responses", {"type": "input_file", "file_url": "https://evil.example"}),
        ("anthropic-messages", {"type": "image", "source": {"type": "url", "url": "https://evil.example"}}),
        ("anthropic-messages", {"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
        ("anthropic-messages", {"type": "document", "source": {"type": "text", "data": "x"}}),
        ("anthropic-messages", {"type": "container_upload", "file_id": "file_1"}),
        ("anthropic-messages", {"type": "search_result", "source": "x"}),
        ("anthropic-messages", {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
        ("anthropic-messages", {"type": "text", "text": "x", "citations": []}),
    ],
)
def test_files_sounds_and_what_is_stored_are_refused(adapter: str, part: dict[str, Any]) -> None:
    with pytest.raises(EncodingError, match=r"^(messages|input)\[0\]\.content\[0\]"):
        price(adapter, _with_image(adapter, part), image_units=1)


# ---- responses and messages ------------------------------------------------------------------------


def test_responses_store_nothing_and_refer_to_nothing_stored() -> None:
    assert price("openai-responses", ASKED["openai-responses"])[1]["store"] is False
    with pytest.raises(EncodingError, match="^store: expected false"):
        price("openai-responses", {**ASKED["openai-responses"], "store": True})
    for item in (
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"type": "file_search_call", "id": "fs_1"},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "message", "role": "assistant", "id": "msg_1"},
    ):
        with pytest.raises(EncodingError, match=r"^input\[0\]"):
            price("openai-responses", {"model": "small", "input": [item]})
    for include in (["file_search_call.results"], ["reasoning.encrypted_content"]):
        with pytest.raises(EncodingError, match=r"^include\[0\]: expected"):
            price("openai-responses", {**ASKED["openai-responses"], "include": include})


def test_an_answer_is_sent_back_without_its_ids() -> None:
    text = {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}
    body = {
        "model": "small",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [text]},
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "c",
                "name": "f",
                "arguments": "{}",
                "status": "completed",
            },
            {"type": "function_call_output", "call_id": "c", "output": "5"},
        ],
    }
    _, forwarded = price("openai-responses", body)
    assert forwarded["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "5"},
    ]


def test_thoughts_of_a_model_fit_into_the_paid_limit() -> None:
    body = {**ASKED["anthropic-messages"], "max_tokens": 100}
    for tokens in (1, 99):
        _, forwarded = price(
            "anthropic-messages", {**body, "thinking": {"type": "enabled", "budget_tokens": tokens}}
        )
        assert forwarded["thinking"]["budget_tokens"] == tokens
    with pytest.raises(ParameterError, match="max_tokens: expected more than the 100 tokens for thinking"):
        price("anthropic-messages", {**body, "thinking": {"type": "enabled", "budget_tokens": 100}})
    with pytest.raises(ParameterError, match="max_tokens: expected more than the 200 tokens"):
        price(
            "anthropic-messages",
            {**ASKED["anthropic-messages"], "thinking": {"type": "enabled", "budget_tokens": 200}},
        )
    for thinking in ({"type": "disabled"}, {"type": "adaptive"}):
        assert price("anthropic-messages", {**body, "thinking": thinking})[1]["thinking"] == thinking


def test_a_conversation_with_anthropic_s_tools_is_forwarded() -> None:
    body = {
        "model": "small",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be short."}],
        "messages": [
            {"role": "user", "content": "1 + 1?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "x"},
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": [1, {"type": "image"}]}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "2"}]},
                    {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
                ],
            },
        ],
        "tools": [{"type": "custom", "name": "add", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "stop_sequences": ["x"],
        "top_k": 5,
        "output_config": {"effort": "low"},
    }
    assert price("anthropic-messages", body)[1] == body


# ---- routes ----------------------------------------------------------------------------------------


def test_the_least_that_a_request_costs() -> None:
    assert {adapter: route(adapter).least for adapter in PATHS} == {
        "openai-chat": 3,
        "openai-completions": 3,
        "openai-responses": 3,
        "openai-embeddings": 2,
        "anthropic-messages": 3,
    }
    assert route("openai-embeddings", models=(("free", 0),)).least == 1


def test_every_adapter_is_tested() -> None:
    assert (FLAT, *PATHS) == ADAPTERS


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"method": "post"}, "method: expected 1 to 32 letters A to Z"),
        ({"method": "GET"}, "method: expected POST on a route of the adapter openai-chat, got GET"),
        ({"path": "/v1/%63hat"}, "target: expected a path of plain characters"),
        ({"path": "/v1//chat"}, "target: expected a path"),
        ({"path": "/v1?x"}, "target: expected a path"),
        ({"path": ""}, "target: expected a path"),
        ({"path": "/rln/prices"}, "path: expected none below /rln/"),
        ({"adapter": "openai"}, "adapter: expected one of flat, openai-chat"),
        ({"units": 3}, "units: expected none on a route of the adapter openai-chat"),
        ({"models": ()}, "number of models: expected 1 to 64, got 0"),
        ({"models": tuple((f"m{n}", 1) for n in range(65))}, "number of models"),
        ({"models": [("a", 1)]}, "models: expected a tuple, got list"),
        ({"models": (("a",),)}, "models: expected pairs"),
        ({"models": (("a", 1), ("a", 2))}, "models: expected different names"),
        ({"models": (("a b", 1),)}, "models: expected names of 1 to 128"),
        ({"models": (("", 1),)}, "models: expected names of 1 to 128"),
        ({"models": (("é", 1),)}, "models: expected names of 1 to 128"),
        ({"models": (("a\n", 1),)}, "models: expected names of 1 to 128"),
        ({"models": (("a", 17),)}, "base units of a: expected 0 to 16"),
        ({"models": (("a", True),)}, "base units of a: expected int, got bool"),
        ({"prompt_bytes": None}, "prompt_bytes: expected a number"),
        ({"prompt_bytes": 0}, "prompt_bytes: expected 1 to"),
        ({"output_tokens": None}, "output_tokens: expected a number"),
        ({"output_tokens": 0}, "output_tokens: expected 1 to"),
        ({"default_tokens": 201}, "default_tokens: expected a multiple of output_tokens"),
        ({"default_tokens": None}, "default_tokens: expected a number"),
        ({"default_tokens": 750}, "a request that names no limit costs 17 units or more"),
        ({"models": (("a", 12),)}, "a request that names no limit costs 17 units or more"),
        ({"image_units": 0}, "image_units: expected 1 to 16"),
        ({"output_field": "n_predict"}, "output_field: expected max_tokens or max_completion_tokens"),
    ],
)  # fmt: skip
def test_a_route_that_cannot_be_meant_is_refused(changed: dict[str, Any], why: str) -> None:
    values = {"method": "POST", "path": "/v1/chat", "adapter": "openai-chat", **USUAL, **changed}
    with pytest.raises(InputError, match=why):
        Route(**values)


@pytest.mark.parametrize("units", [None, 0, 17, True])
def test_a_flat_route_has_units_alone(units: Any) -> None:
    with pytest.raises(ParameterError, match="^units: expected"):
        Route("GET", "/v1/models", FLAT, units=units)
    for name, value in (*USUAL.items(), ("output_field", "max_tokens"), ("image_units", 1)):
        with pytest.raises(ParameterError, match=f"^{name}: expected none on a route of the adapter flat"):
            Route("GET", "/v1/models", FLAT, units=1, **{name: value})


def test_an_adapter_has_no_values_of_another() -> None:
    for adapter, name, value in (
        ("openai-embeddings", "output_tokens", 50),
        ("openai-embeddings", "default_tokens", 50),
        ("openai-completions", "image_units", 1),
        ("openai-responses", "output_field", "max_tokens"),
    ):
        values = dict(
            USUAL if adapter != "openai-embeddings" else {k: USUAL[k] for k in ("models", "prompt_bytes")}
        )
        with pytest.raises(
            ParameterError, match=f"^{name}: expected none on a route of the adapter {adapter}"
        ):
            Route("POST", "/v1/x", adapter, **{**values, name: value})


def test_the_order_of_models_means_nothing() -> None:
    one, other = (
        route("openai-chat", models=models) for models in ((("a", 1), ("b", 2)), (("b", 2), ("a", 1)))
    )
    assert one == other


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_route_is_read_back(adapter: str) -> None:
    made = Route("GET", "/v1/models", FLAT, units=2) if adapter == FLAT else route(adapter)
    document = made.document()
    assert Route.read(document) == made
    assert Route.read({name: value for name, value in document.items() if value is not None}) == made
    for name in document:
        if document[name] is not None and name != "output_field":
            with pytest.raises(InputError):
                Route.read({key: value for key, value in document.items() if key != name})
    with pytest.raises(ParameterError, match="expected some of method, path, adapter, .*, got 'more'"):
        Route.read({**document, "more": 1})
    for value in (None, [], "text", 5):
        with pytest.raises(ParameterError, match="^route: expected Mapping"):
            Route.read(value)  # type: ignore[arg-type]
