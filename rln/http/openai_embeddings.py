"""Bodies of OpenAI's embeddings: what of them is forwarded, and what they ask for."""

from __future__ import annotations

from typing import Final

from rln.http import body_form as form
from rln.http.demand import Demand
from rln.http.openai_prompts import prompts

_BODY: Final = form.fields(
    {"model": form.text, "input": prompts},
    {"encoding_format": form.one_of("float", "base64"), "dimensions": form.whole(1, 1 << 16)},
)


def read(body: object, with_images: bool) -> Demand:
    """Return what a body asks for; there is no output but one vector for each input.

    Args:
        body: as `rln.http.strict_json.read` returned it.
        with_images: embeddings have none.

    Raises:
        EncodingError: a field that is not on the list, or of another form; the message names it.
        ParameterError: a number outside its range.
    """
    content = _BODY(body, "", form.Tally(with_images))
    return Demand(content["model"], None, 1, 0, content)
