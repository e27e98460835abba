"""Bodies of Anthropic's messages: what of them is forwarded, and what they ask for."""

from __future__ import annotations

from typing import Final

from rln.http import body_form as form
from rln.http.demand import MOST_TOKENS, Demand

LIMIT: Final = "max_tokens"

_TEXT: Final = form.fields({"type": form.text, "text": form.text}, {"citations": form.never})
_IMAGE: Final = form.fields(
    {
        "type": form.text,
        "source": form.by(
            "type",
            {
                "base64": form.fields(
                    {
                        "type": form.text,
                        "media_type": form.one_of("image/png", "image/jpeg", "image/webp", "image/gif"),
                        "data": form.image_base64,
                    },
                    {},
                )
            },
        ),
    },
    {},
)
_SHOWN: Final = {"text": _TEXT, "image": _IMAGE}
_RESULT: Final = form.fields(
    {"type": form.text, "tool_use_id": form.text},
    {"content": form.either(form.text, form.items(form.by("type", _SHOWN))), "is_error": form.flag},
)
_CALL: Final = form.fields(
    {"type": form.text, "id": form.text, "name": form.text, "input": form.free_object}, {}
)
_THOUGHT: Final = form.fields({"type": form.text, "thinking": form.text, "signature": form.text}, {})
_HIDDEN: Final = form.fields({"type": form.text, "data": form.text}, {})
_MESSAGE: Final = form.by(
    "role",
    {
        "user": form.fields(
            {
                "role": form.text,
                "content": form.either(
                    form.text, form.items(form.by("type", {**_SHOWN, "tool_result": _RESULT}), 1)
                ),
            },
            {},
        ),
        "assistant": form.fields(
            {
                "role": form.text,
                "content": form.either(
                    form.text,
                    form.items(
                        form.by(
                            "type",
                            {
                                "text": _TEXT,
                                "tool_use": _CALL,
                                "thinking": _THOUGHT,
                                "redacted_thinking": _HIDDEN,
                            },
                        )
                    ),
                ),
            },
            {},
        ),
    },
)
# Every other type is a tool of the server's, or one whose description the server adds to the prompt.
_TOOL: Final = form.by(
    "type",
    {
        "custom": form.fields(
            {"type": form.text, "name": form.text, "input_schema": form.schema},
            {"description": form.text, "strict": form.flag},
        )
    },
    default="custom",
)
_ALONE: Final = {"disable_parallel_tool_use": form.flag}
_CHOICE: Final = form.by(
    "type",
    {
        "auto": form.fields({"type": form.text}, _ALONE),
        "any": form.fields({"type": form.text}, _ALONE),
        "tool": form.fields({"type": form.text, "name": form.text}, _ALONE),
        "none": form.fields({"type": form.text}, {}),
    },
)
_THINKING: Final = form.by(
    "type",
    {
        "enabled": form.fields({"type": form.text, "budget_tokens": form.whole(1, MOST_TOKENS)}, {}),
        "adaptive": form.fields({"type": form.text}, {}),
        "disabled": form.fields({"type": form.text}, {}),
    },
)
_FORMAT: Final = form.by("type", {"json_schema": form.fields({"type": form.text, "schema": form.schema}, {})})
_BODY: Final = form.fields(
    {"model": form.text, "messages": form.items(_MESSAGE, 1)},
    {
        LIMIT: form.whole(1, MOST_TOKENS),
        "system": form.either(form.text, form.items(form.by("type", {"text": _TEXT}))),
        "stop_sequences": form.items(form.text, 0, 16),
        "stream": form.flag,
        "temperature": form.number,
        "top_k": form.whole(0, 1 << 20),
        "top_p": form.number,
        "tools": form.items(_TOOL),
        "tool_choice": _CHOICE,
        "thinking": _THINKING,
        "output_config": form.fields(
            {}, {"effort": form.one_of("low", "medium", "high", "max"), "format": _FORMAT}
        ),
    },
)


def read(body: object, with_images: bool) -> Demand:
    """Return what a body asks for. What the model thinks counts as output, and must fit into the limit.

    Args:
        body: as `rln.http.strict_json.read` returned it.
        with_images: whether images have a price.

    Raises:
        EncodingError: a field that is not on the list, or of another form; the message names it.
        ParameterError: a number outside its range.
    """
    tally = form.Tally(with_images)
    content = _BODY(body, "", tally)
    limit = content.pop(LIMIT, None)
    thinking = content.get("thinking", {}).get("budget_tokens", 0)
    return Demand(content["model"], limit, 1, tally.images, content, thinking)
