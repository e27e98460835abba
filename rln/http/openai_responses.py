"""Bodies of OpenAI's responses: what of them is forwarded, and what they ask for.

This API keeps state in the account of the provider, which all members share: responses, conversations,
prompts, files, and the items of earlier answers by their ids. So `store` is always false, each item is
forwarded with its whole content and without its id, and nothing that names something stored is allowed. Only
tools of the client's own are.
"""

from __future__ import annotations

from typing import Final

from rln.http import body_form as form
from rln.http.demand import MOST_TOKENS, Demand
from rln.http.openai_chat import EFFORT, VERBOSITY

LIMIT: Final = "max_output_tokens"

# What an item of an answer has and its input needs not. An id makes the server look for a stored item.
_SENT_BACK: Final = {"id": form.dropped(form.text), "status": form.dropped(form.text)}
_INPUT_TEXT: Final = form.fields({"type": form.text, "text": form.text}, {})
_INPUT_IMAGE: Final = form.fields(
    {"type": form.text, "image_url": form.data_url},
    {"detail": form.one_of("auto", "low", "high"), "file_id": form.never},
)
_OUTPUT_TEXT: Final = form.fields(
    {"type": form.text, "text": form.text},
    {
        "annotations": form.dropped(form.items(form.anything)),
        "logprobs": form.dropped(form.items(form.anything)),
    },
)
_REFUSAL: Final = form.fields({"type": form.text, "refusal": form.text}, {})
_ASKED: Final = form.either(
    form.text, form.items(form.by("type", {"input_text": _INPUT_TEXT, "input_image": _INPUT_IMAGE}))
)
_ANSWERED: Final = form.either(
    form.text, form.items(form.by("type", {"output_text": _OUTPUT_TEXT, "refusal": _REFUSAL}))
)


def _message(content: form.Check) -> form.Check:
    return form.fields({"type": form.text, "role": form.text, "content": content}, _SENT_BACK)


_MESSAGE: Final = form.by(
    "role",
    {
        "user": _message(_ASKED),
        "system": _message(_ASKED),
        "developer": _message(_ASKED),
        "assistant": _message(_ANSWERED),
    },
)
_ITEM: Final = form.by(
    "type",
    {
        "message": _MESSAGE,
        "function_call": form.fields(
            {"type": form.text, "call_id": form.text, "name": form.text, "arguments": form.text}, _SENT_BACK
        ),
        "function_call_output": form.fields(
            {"type": form.text, "call_id": form.text, "output": _ASKED}, _SENT_BACK
        ),
        # Clients send an answer back with what the model thought. No server needs it.
        "reasoning": form.dropped(form.anything),
    },
    default="message",
)
_TOOL: Final = form.by(
    "type",
    {
        "function": form.fields(
            {"type": form.text, "name": form.text},
            {"description": form.text, "parameters": form.schema, "strict": form.flag},
        )
    },
)
_CHOSEN: Final = form.by("type", {"function": form.fields({"type": form.text, "name": form.text}, {})})
_FORMAT: Final = form.by(
    "type",
    {
        "text": form.fields({"type": form.text}, {}),
        "json_object": form.fields({"type": form.text}, {}),
        "json_schema": form.fields(
            {"type": form.text, "name": form.text, "schema": form.schema},
            {"description": form.text, "strict": form.flag},
        ),
    },
)
_BODY: Final = form.fields(
    {"model": form.text, "input": form.either(form.text, form.items(_ITEM, 1))},
    {
        "instructions": form.text,
        LIMIT: form.whole(1, MOST_TOKENS),
        "stream": form.flag,
        "stream_options": form.fields({}, {"include_obfuscation": form.flag}),
        "temperature": form.number,
        "top_p": form.number,
        "top_logprobs": form.whole(0, 20),
        "tools": form.items(_TOOL),
        "tool_choice": form.text_or(_CHOSEN, "none", "auto", "required"),
        "parallel_tool_calls": form.flag,
        "text": form.fields({}, {"format": _FORMAT, "verbosity": VERBOSITY}),
        "reasoning": form.fields({}, {"effort": EFFORT}),
        "truncation": form.one_of("auto", "disabled"),
        "include": form.items(form.one_of("message.output_text.logprobs")),
        "store": form.one_of(False),
    },
)


def read(body: object, with_images: bool) -> Demand:
    """Return what a body asks for; `store: false` is written into it.

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
    return Demand(content["model"], limit, 1, tally.images, {**content, "store": False})
