"""Route: a method and a path that a provider serves, and what a request there costs.

A flat route costs the same units for every request. On a metered one a request costs

    base[model] + ceil(bytes of the body / prompt_bytes) + choices * ceil(limit / output_tokens)

and, where images are sold, `image_units` for each image. The limit is that of output tokens in the body; a
body without one gets `default_tokens`. What is forwarded is written anew from the checked values, with the
limit that was paid for: so it has one meaning, and nothing in it is without a price.

Member and provider compute the same price from the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from rln.base.arguments import instance, plain_bytes, shown, text, whole
from rln.base.bounds import MAX_SLOTS
from rln.errors import EncodingError, ParameterError
from rln.http import (
    anthropic_messages,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
    strict_json,
)
from rln.http.demand import MOST_TOKENS, Demand
from rln.http.target import check_method, request_target

FLAT: Final = "flat"
MOST_MODELS: Final = 64
JSON: Final = "application/json"
"""The media type of metered bodies, as they come and as they are forwarded."""

_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}\Z")
_JSON: Final = re.compile(rb'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?\Z', re.IGNORECASE)
_LARGEST: Final = 1 << 30
_MOST_UNITS: Final = 1 << 63
"""No body that fits into memory asks for more."""

_OWN_PATHS: Final = "/rln/"
_FLAT_NAMES: Final = ("units",)
_INPUT_NAMES: Final = ("models", "prompt_bytes")
_OUTPUT_NAMES: Final = (*_INPUT_NAMES, "output_tokens", "default_tokens")
_CHAT_NAMES: Final = (*_OUTPUT_NAMES, "image_units")


@dataclass(frozen=True, slots=True)
class _Adapter:
    """One API: what a route of it has, how its bodies are read, and where its limit of output tokens is."""

    names: tuple[str, ...]
    read: Callable[[object, bool], Demand] | None = None
    limit: str | None = None


_ADAPTERS: Final = {
    FLAT: _Adapter(_FLAT_NAMES),
    "openai-chat": _Adapter((*_CHAT_NAMES, "output_field"), openai_chat.read),
    "openai-completions": _Adapter(_OUTPUT_NAMES, openai_completions.read, openai_completions.LIMIT),
    "openai-responses": _Adapter(_CHAT_NAMES, openai_responses.read, openai_responses.LIMIT),
    "openai-embeddings": _Adapter(_INPUT_NAMES, openai_embeddings.read),
    "anthropic-messages": _Adapter(_CHAT_NAMES, anthropic_messages.read, anthropic_messages.LIMIT),
}

ADAPTERS: Final = tuple(_ADAPTERS)
"""The names of all adapters."""


@dataclass(frozen=True, slots=True)
class Priced:
    """The price of one request, and what to forward.

    Attributes:
        units: that the request costs; more than 16 can be paid by no credential.
        output_tokens: the most that all choices together have; None: the request has no such limit.
        model: that serves it; None on a flat route.
        body: to forward as `application/json`, without a Content-Encoding; None: forward the one that came.
    """

    units: int
    output_tokens: int | None = None
    model: str | None = None
    body: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        whole(self.units, "units", 1, _MOST_UNITS)
        if self.output_tokens is not None:
            whole(self.output_tokens, "output_tokens", 1, _MOST_UNITS)
        if self.model is not None:
            text(self.model, "model")
        if self.body is not None:
            plain_bytes(self.body, "body")


@dataclass(frozen=True, slots=True)
class Route:
    """What one method at one path costs.

    Args:
        method: such as `GET`; `POST` for every adapter but "flat".
        path: without a query; none below `/rln/`.
        adapter: one of `ADAPTERS`: the API that a metered body belongs to.
        units: of each request, 1 to 16; for "flat" alone, as the arguments below are for the other adapters.
        models: names that a request may ask for, each with its base units, 0 to 16; kept in order of names.
        prompt_bytes: bytes of a body that one unit pays for.
        output_tokens: output tokens that one unit pays for; not for embeddings, nor is what follows.
        default_tokens: the limit that a body without one gets, a multiple of `output_tokens`.
        image_units: units of each image, beside its bytes; None: images are refused.
        output_field: the name of the limit that the upstream obeys, `max_tokens` or `max_completion_tokens`;
            None: `max_tokens`. For "openai-chat" alone.

    Raises:
        EncodingError: method, path or a name of a model has another form.
        ParameterError: a value is missing, is for another adapter, or is outside its range.
    """

    method: str
    path: str
    adapter: str
    units: int | None = None
    models: tuple[tuple[str, int], ...] = ()
    prompt_bytes: int | None = None
    output_tokens: int | None = None
    default_tokens: int | None = None
    image_units: int | None = None
    output_field: str | None = None

    def __post_init__(self) -> None:
        check_method(text(self.method, "method").encode("ascii", "replace"))
        request_target(text(self.path, "path").encode("ascii", "replace"))
        if self.path.startswith(_OWN_PATHS):
            raise ParameterError(
                f"path: expected none below {_OWN_PATHS}, where the provider itself answers, "
                f"got {self.path[:80]!r}"
            )
        if text(self.adapter, "adapter") not in _ADAPTERS:
            raise ParameterError(f"adapter: expected one of {', '.join(ADAPTERS)}, got {self.adapter[:40]!r}")
        names = _ADAPTERS[self.adapter].names
        for name in (*_FLAT_NAMES, *_CHAT_NAMES, "output_field"):
            value = getattr(self, name)
            if name not in names and value is not None and value != ():
                raise ParameterError(f"{name}: expected none on a route of the adapter {self.adapter}")
        if self.adapter == FLAT:
            whole(_given(self.units, "units"), "units", 1, MAX_SLOTS)
            return
        if self.method != "POST":
            raise ParameterError(
                f"method: expected POST on a route of the adapter {self.adapter}, got {self.method}"
            )
        self._check_models()
        whole(_given(self.prompt_bytes, "prompt_bytes"), "prompt_bytes", 1, _LARGEST)
        if "output_tokens" in names:
            self._check_output("output_field" in names)
        if self.usual > MAX_SLOTS:
            raise ParameterError(
                f"route: a request that names no limit costs {self.usual} units or more, and a credential "
                f"has {MAX_SLOTS} at most; lower default_tokens or the base units of a model"
            )

    def _check_models(self) -> None:
        if type(self.models) is not tuple:
            raise ParameterError(f"models: expected a tuple, got {type(self.models).__name__}")
        whole(len(self.models), "number of models", 1, MOST_MODELS)
        for one in self.models:
            if type(one) is not tuple or len(one) != 2:
                raise ParameterError("models: expected pairs of a name and its base units")
            name, units = one
            if not _MODEL.match(text(name, "model")):
                raise EncodingError(
                    "models: expected names of 1 to 128 letters, digits and . _ : / @ + - that begin with a "
                    f"letter or a digit, got {name[:40]!r}"
                )
            whole(units, f"base units of {name}", 0, MAX_SLOTS)
        if len(dict(self.models)) != len(self.models):
            raise ParameterError("models: expected different names, got one twice")
        object.__setattr__(self, "models", tuple(sorted(self.models)))

    def _check_output(self, names_field: bool) -> None:
        step = whole(_given(self.output_tokens, "output_tokens"), "output_tokens", 1, MOST_TOKENS)
        usual = whole(_given(self.default_tokens, "default_tokens"), "default_tokens", 1, MOST_TOKENS)
        if usual % step:
            raise ParameterError(
                f"default_tokens: expected a multiple of output_tokens, which is {step}, got {usual}: each "
                "unit pays for that many"
            )
        if self.image_units is not None:
            whole(self.image_units, "image_units", 1, MAX_SLOTS)
        if names_field:
            if self.output_field is None:
                object.__setattr__(self, "output_field", openai_chat.LIMITS[0])
            if text(self.output_field or "", "output_field") not in openai_chat.LIMITS:
                raise ParameterError(
                    f"output_field: expected {' or '.join(openai_chat.LIMITS)}, "
                    f"got {(self.output_field or '')[:40]!r}"
                )

    @property
    def least(self) -> int:
        """The units of the cheapest request."""
        if self.units is not None:
            return self.units
        return min(units for _, units in self.models) + (1 if self.output_tokens is None else 2)

    @property
    def usual(self) -> int:
        """The units of the cheapest request that names no limit."""
        if self.output_tokens is None:
            return self.least
        return self.least - 1 + _parts(self.default_tokens or 0, self.output_tokens)

    @property
    def _limit_field(self) -> str | None:
        return self.output_field or _ADAPTERS[self.adapter].limit

    def price(self, content_type: bytes, content_encoding: bytes, query: bytes, body: bytes) -> Priced:
        """Return what a request costs, and what to forward.

        Args:
            content_type, content_encoding: the values of the fields, or empty.
            query: as it was sent, without the `?`.
            body: as it was sent.

        Raises:
            EncodingError: a metered request is not acceptable; the message names what, and says what is.
            ParameterError: a number in it is outside its range, or the model has no price.
        """
        plain_bytes(content_type, "content-type")
        plain_bytes(content_encoding, "content-encoding")
        plain_bytes(query, "query")
        plain_bytes(body, "body")
        read = _ADAPTERS[self.adapter].read
        if read is None or self.prompt_bytes is None:
            return Priced(self.least)
        if not _JSON.match(content_type):
            raise EncodingError(f"content-type: expected {JSON}, got {shown(content_type)}")
        if content_encoding:
            raise EncodingError(
                "content-encoding: expected none, because the price counts plain bytes; got one"
            )
        if query:
            raise EncodingError("query: expected none on this path, got one")
        demand = read(strict_json.read(body, "body"), self.image_units is not None)
        base = dict(self.models).get(demand.model)
        if base is None:
            raise ParameterError(
                f"model: expected one of {', '.join(name for name, _ in self.models)}, "
                f"got {demand.model[:40]!r}"
            )
        units = base + _parts(len(body), self.prompt_bytes) + demand.images * (self.image_units or 0)
        if self.output_tokens is None or self.default_tokens is None or self._limit_field is None:
            return Priced(units, None, demand.model, strict_json.write(demand.content))
        limit = self.default_tokens if demand.limit is None else demand.limit
        if limit <= demand.thinking:
            raise ParameterError(
                f"{self._limit_field}: expected more than the {demand.thinking} tokens for thinking, "
                f"got {limit}"
            )
        return Priced(
            units + demand.choices * _parts(limit, self.output_tokens),
            demand.choices * limit,
            demand.model,
            strict_json.write({**demand.content, self._limit_field: limit}),
        )

    def document(self) -> dict[str, Any]:
        """Return the route as a price list has it: the names of its adapter, and no others."""
        names = ("method", "path", "adapter", *_ADAPTERS[self.adapter].names)
        content = {name: getattr(self, name) for name in names}
        return content if self.adapter == FLAT else {**content, "models": dict(self.models)}

    @classmethod
    def read(cls, content: Mapping[str, object], name: str = "route") -> Self:
        """Return a route from an entry of a price list.

        Args:
            content: what `document` gives; a file for people leaves out what is None.
            name: for messages.

        Raises:
            InputError: a name or a value of another kind; the message says which.
        """
        instance(content, Mapping, text(name, "name"))
        found: dict[str, Any] = dict(content)
        if "adapter" not in found:
            raise ParameterError(f"{name}: adapter is missing; expected one of {', '.join(ADAPTERS)}")
        adapter = found["adapter"]
        if type(adapter) is not str or adapter not in _ADAPTERS:
            raise ParameterError(
                f"{name}: adapter: expected one of {', '.join(ADAPTERS)}, got {shown(adapter)}"
            )
        known = ("method", "path", "adapter", *_ADAPTERS[adapter].names)
        for one in found:
            if one not in known:
                raise ParameterError(f"{name}: expected some of {', '.join(known)}, got {str(one)[:40]!r}")
        for one in known[:2]:
            if one not in found:
                raise ParameterError(f"{name}: {one} is missing")
        if "models" in found:
            instance(found["models"], Mapping, f"{name}: models")
            found["models"] = tuple(found["models"].items())
        return cls(**found)


def _parts(count: int, size: int) -> int:
    """Return how many parts of a size hold a count."""
    return -(-count // size)


def _given(value: int | None, name: str) -> int:
    if value is None:
        raise ParameterError(f"{name}: expected a number on a route of this adapter, got none")
    return value
