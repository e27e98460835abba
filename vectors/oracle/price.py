"""Prices of requests: the units of a body, and what of it is forwarded; docs/http.md, "Prices".

The allow-lists are data here: a shape is a tuple, and its first part is its name. One function walks a value
along its shape.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from .field import Refused

WORDS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
BASE64 = WORDS | set("+/")
TOKENS = 2**20

Shape = Any
Object = dict[str, Any]


def record(**names: Shape) -> Shape:
    """Return the shape of an object; `x_` stands for the required field x, `x__` for one that is dropped."""
    made = {}
    for name, shape in names.items():
        plain = name.rstrip("_")
        made[plain] = (shape, len(name) - len(plain))
    return ("object", made)


def part(kind: str, **names: Shape) -> Shape:
    """Return the shape of an object with a type."""
    return record(type_=("word", kind), **names)


TEXT, FLAG, NUMBER, SCHEMA, ANY = ("text",), ("flag",), ("number",), ("schema",), ("any",)
FREE, ADDRESS, DATA, NEVER, WEIGHTS, PROMPTS = (
    ("free",),
    ("address",),
    ("data",),
    ("never",),
    ("weights",),
    ("prompts",),
)
LIMIT = ("whole", 1, TOKENS)
FALSE = ("false",)


def several(shape: Shape, low: int = 0, high: int = 2**20) -> Shape:
    """Return the shape of an array."""
    return ("array", shape, low, high)


def kinds(field: str, shapes: dict[str, Shape], default: str | None = None) -> Shape:
    """Return the shape of an object of which one field tells the shape."""
    return ("kinds", field, shapes, default)


def types(*names: str, **shapes: Shape) -> Shape:
    """Return the shape of an object whose type is one of some."""
    plain = {name: part(name) for name in names}
    return kinds("type", plain | {name: part(name, **inner) for name, inner in shapes.items()})


def content(low: int = 0, /, **shapes: Shape) -> Shape:
    """Return the shape of a text, or an array of parts."""
    return ("or", TEXT, several(types(**shapes), low))


def word(*words: str) -> Shape:
    """Return the shape of one of some words."""
    return ("word", *words)


DETAIL = word("auto", "low", "high")
EFFORT = word("none", "minimal", "low", "medium", "high", "xhigh")
VERBOSITY = word("low", "medium", "high")
PLAIN = {"text": {"text_": TEXT}}
REFUSAL = {"refusal": {"refusal_": TEXT}}
DEFINED = {"name_": TEXT, "description": TEXT, "parameters": SCHEMA, "strict": FLAG}
SAMPLING = {
    "temperature": NUMBER,
    "top_p": NUMBER,
    "presence_penalty": NUMBER,
    "frequency_penalty": NUMBER,
    "seed": ("whole", -(2**63), 2**63 - 1),
    "stop": ("or", TEXT, several(TEXT, 1, 16)),
    "logit_bias": WEIGHTS,
    "stream": FLAG,
    "stream_options": record(include_usage=FLAG, include_obfuscation=FLAG),
}
SYSTEM = record(role_=TEXT, content_=content(**PLAIN), name=TEXT)
IMAGE_URL = {"image_url": {"image_url_": record(url_=ADDRESS, detail=DETAIL)}}
CHAT = record(
    model_=TEXT,
    messages_=several(
        kinds(
            "role",
            {
                "system": SYSTEM,
                "developer": SYSTEM,
                "user": record(role_=TEXT, content_=content(**PLAIN, **IMAGE_URL), name=TEXT),
                "assistant": record(
                    role_=TEXT,
                    content=content(**PLAIN, **REFUSAL),
                    name=TEXT,
                    refusal=TEXT,
                    reasoning_content=TEXT,
                    tool_calls=several(
                        record(
                            id_=TEXT,
                            type_=word("function"),
                            function_=record(name_=TEXT, arguments_=TEXT),
                        )
                    ),
                    annotations__=several(ANY),
                    audio=NEVER,
                    function_call=NEVER,
                ),
                "tool": record(role_=TEXT, content_=content(**PLAIN), tool_call_id_=TEXT),
            },
        ),
        1,
    ),
    **SAMPLING,
    n=("whole", 1, 128),
    max_tokens=LIMIT,
    max_completion_tokens=LIMIT,
    logprobs=FLAG,
    top_logprobs=("whole", 0, 20),
    response_format=kinds(
        "type",
        {
            "text": part("text"),
            "json_object": part("json_object"),
            "json_schema": part(
                "json_schema",
                json_schema_=record(name_=TEXT, description=TEXT, schema=SCHEMA, strict=FLAG),
            ),
        },
    ),
    tools=several(types(function={"function_": record(**DEFINED)})),
    tool_choice=("or", word("none", "auto", "required"), types(function={"function_": record(name_=TEXT)})),
    parallel_tool_calls=FLAG,
    reasoning_effort=EFFORT,
    verbosity=VERBOSITY,
    store=FALSE,
)
COMPLETIONS = record(
    model_=TEXT,
    prompt_=PROMPTS,
    **SAMPLING,
    max_tokens=LIMIT,
    n=("whole", 1, 128),
    best_of=("whole", 1, 128),
    logprobs=("whole", 0, 20),
    suffix=TEXT,
)
EMBEDDINGS = record(
    model_=TEXT, input_=PROMPTS, encoding_format=word("float", "base64"), dimensions=("whole", 1, 2**16)
)
BACK = {"id__": TEXT, "status__": TEXT}
ASKED = content(
    input_text={"text_": TEXT},
    input_image={"image_url_": ADDRESS, "detail": DETAIL, "file_id": NEVER},
)
ANSWERED = content(
    output_text={"text_": TEXT, "annotations__": several(ANY), "logprobs__": several(ANY)}, **REFUSAL
)
RESPONSES = record(
    model_=TEXT,
    input_=(
        "or",
        TEXT,
        several(
            kinds(
                "type",
                {
                    "message": kinds(
                        "role",
                        {
                            role: part("message", role_=TEXT, content_=inner, **BACK)
                            for role, inner in (
                                ("user", ASKED),
                                ("system", ASKED),
                                ("developer", ASKED),
                                ("assistant", ANSWERED),
                            )
                        },
                    ),
                    "function_call": part(
                        "function_call", call_id_=TEXT, name_=TEXT, arguments_=TEXT, **BACK
                    ),
                    "function_call_output": part(
                        "function_call_output", call_id_=TEXT, output_=ASKED, **BACK
                    ),
                    "reasoning": ("nothing",),
                },
                "message",
            ),
            1,
        ),
    ),
    instructions=TEXT,
    max_output_tokens=LIMIT,
    temperature=NUMBER,
    top_p=NUMBER,
    top_logprobs=("whole", 0, 20),
    stream=FLAG,
    stream_options=record(include_obfuscation=FLAG),
    parallel_tool_calls=FLAG,
    tools=several(types(function=DEFINED)),
    tool_choice=("or", word("none", "auto", "required"), types(function={"name_": TEXT})),
    text=record(
        format=types(
            "text",
            "json_object",
            json_schema={"name_": TEXT, "description": TEXT, "schema_": SCHEMA, "strict": FLAG},
        ),
        verbosity=VERBOSITY,
    ),
    reasoning=record(effort=EFFORT),
    truncation=word("auto", "disabled"),
    include=several(word("message.output_text.logprobs")),
    store=FALSE,
)
BLOCK = {"text": {"text_": TEXT, "citations": NEVER}}
PICTURE = {
    "image": {
        "source_": types(
            base64={
                "media_type_": word("image/png", "image/jpeg", "image/webp", "image/gif"),
                "data_": DATA,
            }
        )
    }
}
RESULT = {
    "tool_result": {"tool_use_id_": TEXT, "content": content(**BLOCK, **PICTURE), "is_error": FLAG},
}
ALONE = {"disable_parallel_tool_use": FLAG}
MESSAGES = record(
    model_=TEXT,
    messages_=several(
        kinds(
            "role",
            {
                "user": record(role_=TEXT, content_=content(1, **BLOCK, **PICTURE, **RESULT)),
                "assistant": record(
                    role_=TEXT,
                    content_=content(
                        **BLOCK,
                        tool_use={"id_": TEXT, "name_": TEXT, "input_": FREE},
                        thinking={"thinking_": TEXT, "signature_": TEXT},
                        redacted_thinking={"data_": TEXT},
                    ),
                ),
            },
        ),
        1,
    ),
    max_tokens=LIMIT,
    system=content(**BLOCK),
    stop_sequences=several(TEXT, 0, 16),
    stream=FLAG,
    temperature=NUMBER,
    top_p=NUMBER,
    top_k=("whole", 0, 2**20),
    tools=several(
        kinds(
            "type",
            {"custom": part("custom", name_=TEXT, description=TEXT, input_schema_=SCHEMA, strict=FLAG)},
            "custom",
        )
    ),
    tool_choice=types("none", auto=ALONE, any=ALONE, tool={"name_": TEXT, **ALONE}),
    thinking=types("adaptive", "disabled", enabled={"budget_tokens_": LIMIT}),
    output_config=record(
        effort=word("low", "medium", "high", "max"), format=types(json_schema={"schema_": SCHEMA})
    ),
)
SHAPES = {
    "openai-chat": CHAT,
    "openai-completions": COMPLETIONS,
    "openai-responses": RESPONSES,
    "openai-embeddings": EMBEDDINGS,
    "anthropic-messages": MESSAGES,
}


def insist(condition: bool, why: str = "form") -> None:
    """Refuse unless a condition holds."""
    if not condition:
        raise Refused(why)


# ---- JSON ------------------------------------------------------------------------------------------


def parse(body: bytes) -> Any:
    """Return the value of a body."""

    def pairs(found: Sequence[tuple[str, Any]]) -> Object:
        insist(len({name for name, _ in found}) == len(found))
        return dict(found)

    def integer(digits: str) -> int:
        insist(len(digits) <= 21 and abs(int(digits)) < 2**64)
        return int(digits)

    def fraction(digits: str) -> float:
        insist(len(digits) <= 64 and math.isfinite(float(digits)))
        return float(digits)

    def constant(_: str) -> None:
        raise Refused("form")

    try:
        text = body.decode("utf-8")
        insist(depth(text) <= 64)
        value = json.loads(
            text, object_pairs_hook=pairs, parse_int=integer, parse_float=fraction, parse_constant=constant
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except ValueError as error:  # of UTF-8, JSON or a half of a surrogate pair
        raise Refused("form") from error
    return value


def depth(text: str) -> int:
    """Return how deep arrays and objects are nested."""
    deepest, level, inside, escaped = 0, 0, False, False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            inside = True
        else:
            level += (character in "[{") - (character in "]}")
            deepest = max(deepest, level)
    return deepest


# ---- shapes ----------------------------------------------------------------------------------------


class Images:
    """The images of a body."""

    def __init__(self, sold: bool) -> None:
        self.sold = sold
        self.count = 0


def walk(value: Any, shape: Shape, images: Images) -> Any:
    """Return what is forwarded for a value of a shape; None for nothing."""
    name, *rest = shape
    if name == "object":
        return walk_object(value, rest[0], images)
    if name == "array":
        inner, low, high = rest
        insist(isinstance(value, list))
        made = [walk(one, inner, images) for one in value]
        made = [one for one in made if one is not None]
        insist(low <= len(made) <= high)
        return made
    if name == "kinds":
        field, shapes, default = rest
        insist(isinstance(value, dict))
        if value.get(field) is None and default is not None:
            value = {field: default} | {key: one for key, one in value.items() if key != field}
        kind = value.get(field)
        insist(isinstance(kind, str) and kind in shapes)
        return walk(value, shapes[kind], images)
    if name == "or":
        return walk(value, rest[0] if isinstance(value, str) else rest[1], images)
    if name == "whole":
        insist(type(value) is int)
        insist(rest[0] <= value <= rest[1], "parameter")
    elif name in ("address", "data"):
        insist(images.sold and isinstance(value, str))
        images.count += 1
        insist(is_image(value, name == "address"))
    elif name == "nothing":
        return None
    else:
        insist(is_plain(value, name, rest))
    return value


def walk_object(value: Any, names: dict[str, tuple[Shape, int]], images: Images) -> Object:
    """Return what is forwarded of an object: of each field, in the order in which they came."""
    insist(isinstance(value, dict))
    made = {}
    for key, inner in value.items():
        insist(key in names)
        if inner is not None:
            shape, use = names[key]
            kept = walk(inner, shape, images)
            if use != 2:
                made[key] = kept
    insist(all(key in made for key, (_, use) in names.items() if use == 1))
    return made


def is_plain(value: Any, name: str, words: Sequence[str]) -> bool:
    """Return whether a value is of a shape without parts."""
    if name in ("text", "word"):
        return isinstance(value, str) and (name == "text" or value in words)
    if name == "flag":
        return isinstance(value, bool)
    if name == "false":
        return value is False
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "any":
        return True
    if name == "prompts":
        return is_prompts(value)
    if name == "schema":
        return isinstance(value, dict) and stays_inside(value)
    if name == "free":
        return isinstance(value, dict)
    if name == "weights":
        return isinstance(value, dict) and all(is_plain(one, "number", ()) for one in value.values())
    assert name == "never"
    return False


def is_image(text: str, address: bool) -> bool:
    """Return whether a text is base64, behind the head of a data URL if it is an address."""
    heads = [f"data:image/{kind};base64," for kind in ("png", "jpeg", "webp", "gif")] if address else [""]
    for head in heads:
        if text.startswith(head):
            data = text[len(head) :]
            plain = data.rstrip("=")
            return bool(plain) and len(data) - len(plain) <= 2 and set(plain) <= BASE64
    return False


def stays_inside(value: Any) -> bool:
    """Return whether each reference of a schema begins with #."""
    if isinstance(value, dict):
        targets = [value.get(name) for name in ("$ref", "$dynamicRef", "$recursiveRef")]
        outside = any(isinstance(one, str) and not one.startswith("#") for one in targets)
        return not outside and all(map(stays_inside, value.values()))
    return all(map(stays_inside, value)) if isinstance(value, list) else True


def is_prompts(value: Any) -> bool:
    """Return whether a value is a text, token ids, or several of either kind; none is empty."""

    def is_tokens(one: Any) -> bool:
        return (
            isinstance(one, list)
            and len(one) > 0
            and all(type(number) is int and 0 <= number < 2**31 for number in one)
        )

    if isinstance(value, str):
        return len(value) > 0
    if not isinstance(value, list) or not value:
        return False
    return (
        is_tokens(value) or all(isinstance(one, str) and one for one in value) or all(map(is_tokens, value))
    )


# ---- prices ----------------------------------------------------------------------------------------


def parts(count: int, size: int) -> int:
    """Return how many parts of a size hold a count."""
    return (count + size - 1) // size


def is_json(content_type: bytes) -> bool:
    """Return whether a media type is that of metered bodies."""
    kind, semicolon, parameter = content_type.lower().partition(b";")
    if kind.rstrip(b" \t") != b"application/json" or (kind != kind.rstrip(b" \t") and not semicolon):
        return False
    return not semicolon or parameter.lstrip(b" \t") in (b"charset=utf-8", b'charset="utf-8"')


def price(route: Object, content_type: bytes, content_encoding: bytes, query: bytes, body: bytes) -> Object:
    """Return the units of a request, its limit of output tokens, its model, and what is forwarded."""
    adapter = route["adapter"]
    if adapter == "flat":
        return {"units": route["units"], "output_tokens": None, "model": None, "body": None}
    insist(is_json(content_type) and not content_encoding and not query)
    value = parse(body)
    images = Images(route.get("image_units") is not None)
    made = walk(value, SHAPES[adapter], images)
    names = {"openai-responses": ["max_output_tokens"], "openai-embeddings": []}.get(adapter, ["max_tokens"])
    if adapter == "openai-chat":
        insist({one["role"] for one in made["messages"]} != {"assistant"})
        names = ["max_tokens", "max_completion_tokens"]
    limits = [made.pop(name) for name in names if name in made]
    insist(len(limits) <= 1)
    insist(made["model"] in route["models"], "parameter")
    units = route["models"][made["model"]] + parts(len(body), route["prompt_bytes"])
    units += images.count * (route.get("image_units") or 0)
    output = None
    if adapter == "openai-responses":
        made["store"] = False
    if adapter != "openai-embeddings":
        limit = limits[0] if limits else route["default_tokens"]
        insist(limit > made.get("thinking", {}).get("budget_tokens", 0), "parameter")
        choices = made.get("n", 1) if adapter == "openai-chat" else 1
        if adapter == "openai-completions":
            prompt = made["prompt"]
            prompts = len(prompt) if isinstance(prompt, list) and type(prompt[0]) is not int else 1
            choices = prompts * max(made.get("n", 1), made.get("best_of", 1))
        units += choices * parts(limit, route["output_tokens"])
        output = choices * limit
        made[route.get("output_field") or names[0]] = limit
    written = json.dumps(made, separators=(",", ":")).encode()
    return {"units": units, "output_tokens": output, "model": made["model"], "body": written.hex()}
