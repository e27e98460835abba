"""Bodies of OpenAI's completions: what of them is forwarded, and what they ask for."""

from __future__ import annotations

from typing import Final

from rln.http import body_form as form
from rln.http.demand import MOST_CHOICES, MOST_TOKENS, Demand
from rln.http.openai_chat import SAMPLING
from rln.http.openai_prompts import count, prompts

LIMIT: Final = "max_tokens"

_BODY: Final = form.fields(
    {"model": form.text, "prompt": prompts},
    {
        **SAMPLING,
        LIMIT: form.whole(1, MOST_TOKENS),
        "n": form.whole(1, MOST_CHOICES),
        "best_of": form.whole(1, MOST_CHOICES),
        "logprobs": form.whole(0, 20),
        "suffix": form.text,
    },
)


def read(body: object, with_images: bool) -> Demand:
    """Return what a body asks for: each prompt is answered as often as the larger of `n` and `best_of` says.

    Args:
        body: as `rln.http.strict_json.read` returned it.
        with_images: completions have none.

    Raises:
        EncodingError: a field that is not on the list, or of another form; the message names it.
        ParameterError: a number outside its range.
    """
    content = _BODY(body, "", form.Tally(with_images))
    answers = max(content.get("n", 1), content.get("best_of", 1))
    return Demand(content["model"], content.pop(LIMIT, None), count(content["prompt"]) * answers, 0, content)
