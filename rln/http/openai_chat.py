"""Bodies of OpenAI's chat completions: what of them is forwarded, and what they ask for."""

from __future__ import annotations

from typing import Final

from rln.errors import EncodingError
from rln.http import body_form as form
from rln.http.demand import MOST_CHOICES, MOST_TOKENS, Demand

LIMITS: Final = ("max_tokens", "max_completion_tokens")
"""The two names of the limit; a body has one of them at most."""

_TEXT: Final = form.fields({"type": form.text, "text": form.text}, {})
_IMAGE: Final = form.fields(
    {
        "type": form.text,
        "image_url": form.fields({"url": form.data_url}, {"detail": form.one_of("auto", "low", "high")}),
    },
    {},
)
_REFUSAL: Final = form.fields({"type": form.text, "refusal": form.text}, {})
_TEXTS: Final = form.either(form.text, form.items(form.by("type", {"text": _TEXT})))
_CALL: Final = form.fields(
    {
        "id": form.text,
        "type": form.one_of("function"),
        "function": form.fields({"name": form.text, "arguments": form.text}, {}),
    },
    {},
)
_INSTRUCTION: Final = form.fields({"role": form.text, "content": _TEXTS}, {"name": form.text})
_MESSAGE: Final = form.by(
    "role",
    {
        "system": _INSTRUCTION,
        "developer": _INSTRUCTION,
        "user": form.fields(
            {
                "role": form.text,
                "content": form.either(
                    form.text, form.items(form.by("type", {"text": _TEXT, "image_url": _IMAGE}))
                ),
            },
            {"name": form.text},
        ),
        # Clients send back the message that they got, with all of its fields.
        "assistant": form.fields(
            {"role": form.text},
            {
                "content": form.either(
                    form.text, form.items(form.by("type", {"text": _TEXT, "refusal": _REFUSAL}))
                ),
                "name": form.text,
                "refusal": form.text,
                "reasoning_content": form.text,
                "tool_calls": form.items(_CALL),
                "annotations": form.dropped(form.items(form.anything)),
                "audio": form.never,
                "function_call": form.never,
            },
        ),
        "tool": form.fields({"role": form.text, "content": _TEXTS, "tool_call_id": form.text}, {}),
    },
)
_FUNCTION: Final = form.fields(
    {"name": form.text},
    {"description": form.text, "parameters": form.schema, "strict": form.flag},
)
_TOOL: Final = form.by("type", {"function": form.fields({"type": form.text, "function": _FUNCTION}, {})})
_CHOSEN: Final = form.by(
    "type",
    {
        "function": form.fields(
            {"type": form.text, "function": form.fields({"name": form.text}, {})},
            {},
        )
    },
)
_FORMAT: Final = form.by(
    "type",
    {
        "text": form.fields({"type": form.text}, {}),
        "json_object": form.fields({"type": form.text}, {}),
        "json_schema": form.fields(
            {
                "type": form.text,
                "json_schema": form.fields(
                    {"name": form.text},
                    {"description": form.text, "schema": form.schema, "strict": form.flag},
                ),
            },
            {},
        ),
    },
)
STREAM_OPTIONS: Final = form.fields({}, {"include_usage": form.flag, "include_obfuscation": form.flag})
SAMPLING: Final = {
    "temperature": form.number,
    "top_p": form.number,
    "presence_penalty": form.number,
    "frequency_penalty": form.number,
    "seed": form.whole(-(1 << 63), (1 << 63) - 1),
    "stop": form.either(form.text, form.items(form.text, 1, 16)),
    "logit_bias": form.weights,
    "stream": form.flag,
    "stream_options": STREAM_OPTIONS,
}
"""Fields that chat completions and completions share."""

EFFORT: Final = form.one_of("none", "minimal", "low", "medium", "high", "xhigh")
VERBOSITY: Final = form.one_of("low", "medium", "high")

_BODY: Final = form.fields(
    {"model": form.text, "messages": form.items(_MESSAGE, 1)},
    {
        **SAMPLING,
        "n": form.whole(1, MOST_CHOICES),
        **dict.fromkeys(LIMITS, form.whole(1, MOST_TOKENS)),
        "logprobs": form.flag,
        "top_logprobs": form.whole(0, 20),
        "response_format": _FORMAT,
        "tools": form.items(_TOOL),
        "tool_choice": form.text_or(_CHOSEN, "none", "auto", "required"),
        "parallel_tool_calls": form.flag,
        "reasoning_effort": EFFORT,
        "verbosity": VERBOSITY,
        "store": form.one_of(False),
    },
)


def read(body: object, with_images: bool) -> Demand:
    """Return what a body asks for.

    Args:
        body: as `rln.http.strict_json.read` returned it.
        with_images: whether images have a price.

    Raises:
        EncodingError: a field that is not on the list, or of another form; the message names it.
        ParameterError: a number outside its range.
    """
    tally = form.Tally(with_images)
    content = _BODY(body, "", tally)
    if all(one["role"] == "assistant" for one in content["messages"]):
        # An empty one makes an empty prompt, on which llama.cpp computes without end for two answers.
        raise EncodingError(
            "messages: expected one of another role than assistant, which is answered, got none"
        )
    limits = [content.pop(name) for name in LIMITS if name in content]
    if len(limits) > 1:
        raise EncodingError(f"{LIMITS[0]}, {LIMITS[1]}: expected one of them, got both")
    limit = limits[0] if limits else None
    return Demand(content["model"], limit, content.get("n", 1), tally.images, content)
