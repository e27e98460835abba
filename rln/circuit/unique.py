"""Is every wire determined by the inputs: the search for under-constrained wires.

A wire that a prover can choose is how forged proofs are made, so a circuit should have none. This propagates
what is known, starting from the inputs, by rules that are each sound over any prime field; a wire that it
marks is determined, a wire that it leaves may be free or beyond its rules. It says nothing about constraints
that only refuse inputs (path bits, say): tests of the relation hold those.

Rules
    linear    When A and B are known, C is a linear equation; when A is constant, A B - C is one. Equations
              are kept solved (reduced row echelon form), so wires that only several of them determine are
              found as well.
    non-zero  When C is a non-zero constant and A is known, A is not zero, so B is known; A and B may swap.
    boolean   A B = 0 with A and B over one combination F of wires: F has one of two values. When F is a wire
              and the values are 0 and 1, the wire is a boolean.
    bits      sum w_i b_i = known, for booleans b_i and a two-valued F: each is determined when, after a
              common scale and up to signs, every weight exceeds the sum of the smaller ones and the sum of
              all is below the modulus. (b -> 1 - b turns a weight's sign and shifts the sum by a constant.)

Source: Pailoor et al., "Automated detection of under-constrained circuits" (Picus), 2023, for the idea.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from rln.circuit.r1cs import R1cs

_Form = dict[int, int]


def undetermined(r1cs: R1cs, given: Iterable[int] | None = None) -> frozenset[int]:
    """The wires that the rules do not show to be determined.

    Args:
        r1cs: the constraints.
        given: the wires that are known beside wire 0; the circuit's inputs when left out.
    """
    search = _Search(r1cs, r1cs.inputs if given is None else given)
    search.run()
    return frozenset(range(r1cs.wires)) - search.known


class _Search:
    """What is known so far, and where to look next."""

    def __init__(self, r1cs: R1cs, given: Iterable[int]) -> None:
        self._p = r1cs.modulus
        self.known = {0, *given}
        self._rows: list[tuple[_Form, _Form, _Form] | None] = [
            (dict(a), dict(b), dict(c)) for a, b, c in r1cs.rows()
        ]
        self._observer: defaultdict[int, list[int]] = defaultdict(list)
        for index, row in enumerate(self._rows):
            assert row is not None
            for wire in row[0].keys() | row[1].keys():
                self._observer[wire].append(index)
        self._booleans: set[int] = set()
        self._forms: list[_Form] = []  # F with its gap: F in {v, v + gap}; the gap stands under wire -1
        self._forms_of: defaultdict[int, list[int]] = defaultdict(list)
        self._equations: dict[int, _Form] = {}  # pivot -> equation with coefficient 1 there
        self._equations_of: defaultdict[int, set[int]] = defaultdict(set)
        self._fresh: list[int] = []

    def run(self) -> None:
        """Apply the rules until they give nothing more."""
        for row in self._rows:
            if row is not None:
                self._note_boolean(*row)
        for index in range(len(self._rows)):
            self._look(index)
        for number in range(len(self._forms)):
            self._split_form(number)
        while self._fresh:
            wire = self._fresh.pop()
            for index in self._observer[wire]:
                self._look(index)
            for number in self._forms_of[wire]:
                self._split_form(number)

    def _look(self, index: int) -> None:
        """Take a constraint as an equation, if it is one by now."""
        row = self._rows[index]
        if row is None:
            return
        a, b, c = row
        open_a, open_b = self._open(a), self._open(b)
        if open_a and open_b:
            return
        if not open_a and not open_b:
            self._rows[index] = None
            self._learn(self._open(c))
            return
        side, other = (open_b, a) if open_b else (open_a, b)
        if other.keys() <= {0}:
            factor = other.get(0, 0)
            self._rows[index] = None
            equation = self._open(c)
            for wire, coefficient in side.items():
                equation[wire] = (equation.get(wire, 0) - factor * coefficient) % self._p
            self._learn({wire: value for wire, value in equation.items() if value})
        elif c.keys() == {0}:
            self._rows[index] = None
            self._learn(side)

    def _learn(self, equation: _Form) -> None:
        """Add an equation: this combination of unknown wires has a known value."""
        for pivot in list(equation):
            if pivot in self._equations:
                self._subtract(equation, self._equations[pivot], equation[pivot])
        if not equation:
            return
        pivot = min(equation)
        scale = pow(equation[pivot], -1, self._p)
        equation = {wire: value * scale % self._p for wire, value in equation.items()}
        for other in list(self._equations_of[pivot]):
            row = self._equations[other]
            self._forget(other)
            self._subtract(row, equation, row[pivot])
            self._keep(other, row)
        self._keep(pivot, equation)
        self._harvest()

    def _harvest(self) -> None:
        """A wire alone in its equation is known; so are booleans that their weights tell apart."""
        done = True
        while done:
            done = False
            for pivot in list(self._equations):
                row = self._equations.get(pivot)
                if row is None:
                    continue
                alone = len(row) == 1
                if alone or (row.keys() <= self._booleans and separates(list(row.values()), self._p)):
                    self._forget(pivot)
                    self._mark(row)
                    done = True

    def _mark(self, wires: Iterable[int]) -> None:
        """These wires are known: take them out of every equation."""
        for wire in wires:
            if wire in self.known:
                continue
            self.known.add(wire)
            self._fresh.append(wire)
            for pivot in list(self._equations_of.pop(wire, ())):
                row = self._equations[pivot]
                self._forget(pivot)
                del row[wire]
                self._learn_later(pivot, row)

    def _learn_later(self, pivot: int, row: _Form) -> None:
        """Keep a shortened equation, under another pivot when it lost its own."""
        if not row:
            return
        if pivot not in row:
            pivot = min(row)
            scale = pow(row[pivot], -1, self._p)
            row = {wire: value * scale % self._p for wire, value in row.items()}
            for other in list(self._equations_of[pivot]):
                equation = self._equations[other]
                self._forget(other)
                self._subtract(equation, row, equation[pivot])
                self._keep(other, equation)
        self._keep(pivot, row)

    def _note_boolean(self, a: _Form, b: _Form, c: _Form) -> None:
        """Remember F in {v, v + gap} when the constraint says (F - v) (F - v - gap) = 0."""
        if c or not a or not b:
            return
        lead = next((wire for wire in a if wire), None)
        if lead is None or lead not in b:
            return
        # Scale both sides to F + constant with coefficient 1 on the same wire.
        first, second = self._scaled(a, lead), self._scaled(b, lead)
        roots = -first.pop(0, 0) % self._p, -second.pop(0, 0) % self._p
        if first != second or roots[0] == roots[1]:
            return
        if len(first) == 1:
            if set(roots) == {0, 1}:
                self._booleans.add(lead)
            return
        for wire in first:
            self._forms_of[wire].append(len(self._forms))
        first[-1] = (roots[1] - roots[0]) % self._p
        self._forms.append(first)

    def _split_form(self, number: int) -> None:
        """F = v + gap * bit: with booleans in F this is a sum of bits whose value is known."""
        form = self._forms[number]
        gap = form[-1]
        unknown = {wire: value for wire, value in form.items() if wire >= 0 and wire not in self.known}
        if unknown and unknown.keys() <= self._booleans and separates([gap, *unknown.values()], self._p):
            self._mark(unknown)

    def _open(self, form: _Form) -> _Form:
        return {wire: value for wire, value in form.items() if wire not in self.known}

    def _scaled(self, form: _Form, lead: int) -> _Form:
        scale = pow(form[lead], -1, self._p)
        return {wire: value * scale % self._p for wire, value in form.items()}

    def _subtract(self, target: _Form, row: _Form, factor: int) -> None:
        for wire, value in row.items():
            left = (target.get(wire, 0) - factor * value) % self._p
            if left:
                target[wire] = left
            else:
                target.pop(wire, None)

    def _keep(self, pivot: int, row: _Form) -> None:
        self._equations[pivot] = row
        for wire in row:
            self._equations_of[wire].add(pivot)

    def _forget(self, pivot: int) -> None:
        for wire in self._equations.pop(pivot):
            self._equations_of[wire].discard(pivot)


def separates(weights: list[int], modulus: int) -> bool:
    """Whether sum weights[i] * b_i has another value mod `modulus` for every choice of booleans b_i."""
    for unit in weights:
        scale = pow(unit, -1, modulus)
        scaled = sorted(min(value, modulus - value) for value in (w * scale % modulus for w in weights))
        total = 0
        for value in scaled:
            if value <= total:
                break
            total += value
        else:
            if total < modulus:
                return True
    return False
