"""An interpreter of straight-line C: it runs the text of the arithmetic headers on values of any ring.

A function here is a sequence of calls, copies and declarations, such as `fp2_mul(&t, &a->c0, b);`. Memory is
a dictionary from places ("r.c0.c1") to values. Functions in `primitives` compute on values directly; all
others are read from the header's text. Operands may share places with results.
"""

import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

MATH = Path(__file__).resolve().parents[2] / "native" / "src" / "math"
FUNCTION = re.compile(r"^static (?:inline )?void (\w+)\(([^)]*)\) \{\n(.*?)^\}", re.M | re.S)
CALL = re.compile(r"(\w+)\((.*)\)$", re.S)
DECLARATION = re.compile(r"(?:const )?(?:fp|fp2|fp6|fp12) (\w+(?:, \w+)*)$")
COPY = re.compile(r"(?:const \w+ )?(\*?[\w.>-]+) = (\*?[\w.>-]+)$")

Primitive = Callable[..., Any]


class Headers:
    """The functions of some headers, and the primitives that they call."""

    def __init__(self, names: list[str], primitives: dict[str, Primitive]) -> None:
        self.primitives = primitives
        self.functions: dict[str, tuple[list[str], list[str]]] = {}
        self.places = count()
        for name in names:
            text = re.sub(r"/\*.*?\*/", "", (MATH / name).read_text(), flags=re.S)
            for function, parameters, body in FUNCTION.findall(text):
                order = [re.findall(r"\w+", parameter)[-1] for parameter in parameters.split(",")]
                self.functions[function] = (order, [part.strip() for part in body.split(";") if part.strip()])

    def run(self, function: str, memory: dict[str, Any], *places: str) -> None:
        """Call a function whose arguments point to these places of the memory."""
        if function in self.primitives:
            memory[places[0]] = self.primitives[function](*(memory[place] for place in places[1:]))
            return
        parameters, statements = self.functions[function]
        bound = dict(zip(parameters, places, strict=True))
        frame = f"{function}#{next(self.places)}"

        def place(expression: str) -> str:
            name, _, rest = expression.strip().lstrip("&*").replace("->", ".").partition(".")
            base = bound.get(name, name if name.isupper() else f"{frame}.{name}")
            return f"{base}.{rest}" if rest else base

        for statement in statements:
            if DECLARATION.match(statement):
                continue
            if call := CALL.match(statement):
                self.run(call[1], memory, *(place(argument) for argument in call[2].split(",")))
                continue
            copied = COPY.match(statement)
            assert copied, f"{function}: not straight-line: {statement}"
            target, source = place(copied[1]), place(copied[2])
            values = {k: v for k, v in memory.items() if k == source or k.startswith(source + ".")}
            assert values, f"{function}: {source} was never written"
            memory.update({target + key.removeprefix(source): value for key, value in values.items()})
