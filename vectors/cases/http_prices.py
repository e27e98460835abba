"""http-prices.json: what requests cost, and what of them is forwarded."""

import json
from collections.abc import Sequence
from typing import Any

from oracle.price import price

from . import form

Body = dict[str, Any]

COSTS = {"models": {"large": 4, "small": 1}, "prompt_bytes": 100, "output_tokens": 50, "default_tokens": 200}
ROUTES: dict[str, Body] = {
    "chat": {"adapter": "openai-chat", **COSTS, "output_field": "max_completion_tokens"},
    "images": {"adapter": "openai-chat", **COSTS, "output_field": "max_tokens", "image_units": 3},
    "completions": {"adapter": "openai-completions", **COSTS},
    "responses": {"adapter": "openai-responses", **COSTS, "image_units": 2},
    "embeddings": {"adapter": "openai-embeddings", "models": {"small": 0}, "prompt_bytes": 100},
    "messages": {"adapter": "anthropic-messages", **COSTS, "image_units": 2},
    "flat": {"adapter": "flat", "units": 3},
}
HELLO = [{"role": "user", "content": "Hello"}]
ASKED: dict[str, Body] = {
    "chat": {"model": "small", "messages": HELLO},
    "images": {"model": "small", "messages": HELLO},
    "completions": {"model": "small", "prompt": "Hello"},
    "responses": {"model": "small", "input": "Hello"},
    "embeddings": {"model": "small", "input": "Hello"},
    "messages": {"model": "small", "messages": HELLO},
}
PNG = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"b": {"$ref": "#/$defs/n"}, "a": {}}, "$defs": {"n": {}}}


def _raw(
    identifier: str,
    why: str,
    route: str,
    body: bytes,
    content_type: bytes = b"application/json",
    content_encoding: bytes = b"",
    query: bytes = b"",
    flags: Sequence[str] = (),
) -> form.Case:
    described = {"method": "POST", "path": f"/v1/{route}", **ROUTES[route]}
    given = {
        "route": described,
        "content_type": content_type.hex(),
        "content_encoding": content_encoding.hex(),
        "query": query.hex(),
        "body": body.hex(),
    }
    return form.case(
        identifier, why, given, lambda: price(described, content_type, content_encoding, query, body), flags
    )


def _case(identifier: str, why: str, route: str, flags: Sequence[str] = (), **more: Any) -> form.Case:
    body = {**ASKED[route], **more}
    return _raw(identifier, why, route, json.dumps(body).encode(), flags=flags)


def _user(part: Body) -> list[Body]:
    return [{"role": "user", "content": [part]}]


def _chat() -> list[form.Case]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return [
        _case("chat", "without a limit: the usual one", "chat"),
        _case("chat-null", "null is no limit", "chat", max_tokens=None),
        _case("chat-limit", "one unit pays for 50 tokens", "chat", max_tokens=50),
        _case("chat-limit-more", "a token more", "chat", max_tokens=51),
        _case("chat-limit-other-name", "either name becomes the upstream's", "chat", max_completion_tokens=7),
        _case("chat-largest-limit", "2^20 tokens, more units than any proof has", "chat", max_tokens=1 << 20),
        _case("chat-choices", "each choice has the whole limit", "chat", max_tokens=60, n=3),
        _case("chat-large", "another base", "chat", model="large"),
        _raw(
            "chat-spaces",
            "bytes are counted as they came",
            "chat",
            json.dumps(ASKED["chat"], indent=40).encode(),
        ),
        _raw(
            "chat-escapes",
            "names and texts may be escaped",
            "chat",
            b'{"m\\u006fdel":"sm\\u0061ll","messages":[{"role":"user","content":"\\ud83d\\ude00\xc3\xa9"}],"top_p":5e-1}',
            b"Application/JSON; charset=UTF-8",
        ),
        _case(
            "chat-tools",
            "a conversation with a function; an answer is sent back with its nulls",
            "chat",
            messages=[
                {"role": "system", "content": [{"type": "text", "text": "Be short."}]},
                *HELLO,
                {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "audio": None,
                    "annotations": [],
                    "tool_calls": [call],
                },
                {"role": "tool", "tool_call_id": "c", "content": "5"},
            ],
            tools=[{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
            tool_choice="required",
            response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}},
            stop=["x"],
            stream=True,
            stream_options={"include_usage": True},
            logit_bias={"5": -1.5},
            store=False,
        ),
        _case(
            "chat-image",
            "an image has units of its own",
            "images",
            messages=_user({"type": "image_url", "image_url": {"url": PNG}}),
        ),
    ]


def _others() -> list[form.Case]:
    return [
        _case("completions", "one prompt", "completions"),
        _case(
            "completions-prompts",
            "each prompt is answered",
            "completions",
            prompt=["a", "b", " "],
            max_tokens=9,
        ),
        _case("completions-tokens", "one prompt of three tokens", "completions", prompt=[1, 2, 3]),
        _case("completions-token-lists", "two prompts", "completions", prompt=[[1, 2], [3]], n=2),
        _case("completions-best-of", "the larger of both", "completions", prompt=["a", "b"], n=2, best_of=3),
        _case("embeddings", "no output is paid for", "embeddings"),
        _case(
            "embeddings-several", "bytes alone count", "embeddings", input=["Hello" * 30, "a"], dimensions=8
        ),
        _case("responses", "nothing is stored", "responses"),
        _case(
            "responses-items",
            "an answer is sent back, and forwarded without its ids",
            "responses",
            input=[
                {"role": "user", "content": [{"type": "input_image", "image_url": PNG, "detail": "low"}]},
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {
                    "type": "message",
                    "id": "msg_1",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
                },
                {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "5"},
            ],
            max_output_tokens=100,
            text={"format": {"type": "json_schema", "name": "s", "schema": SCHEMA}},
        ),
        _case("messages", "without a limit: the usual one", "messages"),
        _case(
            "messages-blocks",
            "tools, an image and thoughts",
            "messages",
            messages=[
                *HELLO,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "tool_use", "id": "t", "name": "f", "input": {"type": "image"}},
                    ],
                },
                *_user(
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": "iVBORw0KGgo=",
                                },
                            }
                        ],
                    }
                ),
            ],
            tools=[{"name": "f", "input_schema": SCHEMA}],
            max_tokens=100,
            thinking={"type": "enabled", "budget_tokens": 99},
        ),
        _raw("flat", "whatever comes", "flat", b"\xff", b"text/plain", b"gzip", b"a=5"),
    ]


def _refused() -> list[form.Case]:
    plain = json.dumps(ASKED["chat"])[:-1]
    raw: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "JSON"),
        "array": (b"[]", "an object"),
        "behind": (plain.encode() + b"}{}", "nothing behind the object"),
        "mark": (b"\xef\xbb\xbf" + plain.encode() + b"}", "no byte-order mark"),
        "utf-16": ((plain + "}").encode("utf-16"), "UTF-8"),
        "twice": (
            plain.encode() + b',"max_tokens":1,"max_tokens":9}',
            "some servers take the first, some the last",
        ),
        "twice-escaped": (plain.encode() + b',"max_tokens":1,"max\\u005ftokens":9}', "the same name"),
        "twice-inside": (plain.encode() + b',"stop":"x","logit_bias":{"5":1,"5":2}}', "at any depth"),
        "nan": (plain.encode() + b',"top_p":NaN}', "no JSON"),
        "infinite": (plain.encode() + b',"top_p":1e999}', "finite"),
        "long-integer": (plain.encode() + b',"seed":1%b}' % (b"0" * 30), "below 2^64"),
        "surrogate": (plain.encode() + b',"stop":"\\ud800"}', "half of a character"),
        "deep": (plain.encode() + b',"tools":' + b"[" * 64 + b"]" * 64 + b"}", "64 levels"),
        "fraction": (plain.encode() + b',"max_tokens":5.0}', "an integer"),
        "exponent": (plain.encode() + b',"max_tokens":1e1}', "an integer, written as one"),
    }
    cases = [_raw(f"refused-{name}", why, "chat", body, flags=["form"]) for name, (body, why) in raw.items()]
    whole = json.dumps(ASKED["chat"]).encode()
    cases += [
        _raw("refused-type", "a metered body is JSON", "chat", whole, b"text/plain", flags=["form"]),
        _raw("refused-no-type", "a metered body is JSON", "chat", whole, b"", flags=["form"]),
        _raw("refused-charset", "UTF-8", "chat", whole, b"application/json; charset=utf-16", flags=["form"]),
        _raw(
            "refused-gzip", "plain bytes are counted", "chat", whole, content_encoding=b"gzip", flags=["form"]
        ),
        _raw("refused-query", "no query", "chat", whole, query=b"a=5", flags=["form"]),
    ]
    bad: dict[str, tuple[str, Body, str]] = {
        "predict": ("chat", {"n_predict": 15}, "another name of the limit"),
        "n-cmpl": ("chat", {"n_cmpl": 2}, "another name of the choices"),
        "case": ("chat", {"MAX_TOKENS": 5}, "another spelling"),
        "both-limits": ("chat", {"max_tokens": 5, "max_completion_tokens": 9}, "one limit"),
        "limit-text": ("chat", {"max_tokens": "5"}, "an integer"),
        "limit-true": ("chat", {"max_tokens": True}, "true counts as 1 for some"),
        "n-true": ("chat", {"n": True}, "an integer"),
        "user": ("chat", {"user": "me"}, "tells who asks"),
        "store": ("chat", {"store": True}, "nothing is stored"),
        "prediction": ("chat", {"prediction": {"type": "content", "content": "x"}}, "has no price"),
        "tier": ("chat", {"service_tier": "priority"}, "has no price"),
        "no-model": ("chat", {"model": None}, "a model"),
        "no-messages": ("chat", {"messages": []}, "a message"),
        "assistant-alone": (
            "chat",
            {"messages": [{"role": "assistant", "content": ""}], "n": 2},
            "an empty prompt, which some servers answer without end",
        ),
        "role": ("chat", {"messages": [{"role": "User", "content": "x"}]}, "a known role"),
        "message-field": (
            "chat",
            {"messages": [{**HELLO[0], "cache_control": {}}]},
            "known fields at any depth",
        ),
        "sound": ("images", {"messages": _user({"type": "input_audio", "input_audio": {}})}, "no sounds"),
        "image": ("chat", {"messages": _user({"type": "image_url", "image_url": {"url": PNG}})}, "no price"),
        "address": (
            "images",
            {"messages": _user({"type": "image_url", "image_url": {"url": "https://a.example/x.png"}})},
            "nothing is fetched",
        ),
        "hosted": ("chat", {"tools": [{"type": "web_search"}]}, "functions only"),
        "schema": (
            "chat",
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "f", "parameters": {"$ref": "http://a.example"}},
                    }
                ]
            },
            "nothing is fetched",
        ),
        "mixed": ("completions", {"prompt": ["a", [1]]}, "how many prompts?"),
        "no-prompts": ("completions", {"prompt": []}, "a prompt"),
        "empty-prompt": ("completions", {"prompt": "", "n": 2}, "some servers answer without end"),
        "empty-prompts": ("completions", {"prompt": ["a", ""]}, "no empty text"),
        "embeddings-empty": ("embeddings", {"input": ""}, "no empty text"),
        "empty-tokens": ("completions", {"prompt": [[1], []]}, "a token"),
        "prompt-object": ("completions", {"prompt": {"prompt_string": "x"}}, "another form"),
        "echo": ("completions", {"echo": True}, "has no price"),
        "completions-limit": ("completions", {"max_completion_tokens": 5}, "the limit of another API"),
        "responses-n": ("responses", {"n": 2}, "this API has one choice"),
        "responses-limit": ("responses", {"max_tokens": 5}, "the limit of another API"),
        "responses-store": ("responses", {"store": True}, "nothing is stored"),
        "previous": ("responses", {"previous_response_id": "resp_1"}, "of which member?"),
        "conversation": ("responses", {"conversation": "conv_1"}, "of which member?"),
        "background": ("responses", {"background": True}, "nothing is stored"),
        "reference": (
            "responses",
            {"input": [{"type": "item_reference", "id": "msg_1"}]},
            "of which member?",
        ),
        "file": ("responses", {"input": _user({"type": "input_image", "file_id": "f"})}, "of which member?"),
        "mcp": (
            "responses",
            {"tools": [{"type": "mcp", "server_url": "https://a.example"}]},
            "functions only",
        ),
        "thoughts-alone": ("responses", {"input": [{"type": "reasoning"}]}, "nothing is left to forward"),
        "embeddings-limit": ("embeddings", {"max_tokens": 5}, "no output"),
        "embeddings-mixed": ("embeddings", {"input": [1, "a"]}, "nothing mixed"),
        "metadata": ("messages", {"metadata": {"user_id": "me"}}, "tells who asks"),
        "server-tool": (
            "messages",
            {"tools": [{"type": "web_search_20250305", "name": "w"}]},
            "own tools only",
        ),
        "document": ("messages", {"messages": _user({"type": "document", "source": {}})}, "no documents"),
        "image-url": (
            "messages",
            {"messages": _user({"type": "image", "source": {"type": "url", "url": "https://a.example"}})},
            "nothing is fetched",
        ),
        "container": ("messages", {"container": "c_1"}, "of which member?"),
    }
    cases += [
        _case(f"refused-{name}", why, route, ["form"], **more) for name, (route, more, why) in bad.items()
    ]
    outside: dict[str, tuple[str, Body, str]] = {
        "limit-zero": ("chat", {"max_tokens": 0}, "some servers make one token"),
        "limit-negative": ("chat", {"max_tokens": -1}, "some servers have no limit then"),
        "limit-wraps": ("chat", {"max_tokens": (1 << 32) + 3}, "some servers count modulo 2^32"),
        "n-zero": ("chat", {"n": 0}, "a choice"),
        "best-of": ("completions", {"best_of": 129}, "128 choices"),
        "model": ("chat", {"model": "Small"}, "no other model has a price"),
        "dimensions": ("embeddings", {"dimensions": 0}, "one dimension"),
        "thinking": (
            "messages",
            {"thinking": {"type": "enabled", "budget_tokens": 200}},
            "thoughts are below the limit",
        ),
    }
    cases += [
        _case(f"refused-{name}", why, route, ["parameter"], **more)
        for name, (route, more, why) in outside.items()
    ]
    return cases


def document() -> form.Document:
    """Return the whole file."""
    notation = (
        "hex, except route (as in a price list; without image_units, images are refused) and the numbers; "
        "output_tokens: the limit over all choices; body: what is forwarded; others may "
        "write with other spaces, escapes and order of fields; null: the body that came"
    )
    cases = _chat() + _others() + _refused()
    return form.document("computed by vectors/oracle/price.py from docs/http.md", notation, cases)
