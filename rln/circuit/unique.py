"""The search for under-constrained wires: does each wire follow from the inputs?

A prover who can choose a wire may be able to forge proofs, so a circuit should have no such wire. The search
starts from the inputs and applies rules that are sound over any prime field. A wire that it marks is
determined. A wire that it does not mark may be free, or the rules may be too weak for it. The search does not
cover constraints that only refuse inputs, such as those of the path bits; the tests of the relation cover
them.

Rules
    linear    If A and B are known, C is a linear equation; if A is constant, A B - C is one. Equations are
              stored in reduced row echelon form, so wires that only several equations determine are found,
              too.
    non-zero  If C is a non-zero constant and A is known, A is not zero, so B is known; A and B may swap.
    boolean   Let F be a combination of wires. If A B = 0, A is a multiple of F - v and B one of F - w, then F
              is v or w. If F is a wire and v, w are 0 and 1, the wire is a boolean.
    bits      Let the b_i be booleans, and let sum w_i b_i be known, or be an F that is v or w. All b_i are
              determined if, after a common scaling and up to signs, every weight exceeds the sum of the
              smaller ones, and the sum of all weights is below the modulus. (b -> 1 - b changes the sign of a
              weight, and adds a constant to the sum.)

Source: Pailoor et al., "Automated detection of under-constrained circuits" (Picus), 2023, for the idea.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from rln.base.arguments import instance, iterable, whole
from rln.circuit.r1cs import R1cs

_Form = dict[int, int]


def undetermined(r1cs: R1cs, given: Iterable[int] | None = None) -> frozenset[int]:
    """Return the wires that the rules do not show to be determined.

    Args:
        r1cs: the constraints.
        given: the wires that are known beside wire 0; by default the circuit's inputs.

    Raises:
        ParameterError: not constraints, or no such wire.
    """
    instance(r1cs, R1cs, "r1cs")
    wires = r1cs.inputs if given is None else list(iterable(given, "given"))
    for wire in wires:
        whole(wire, "given", 0, r1cs.wires - 1)
    search = _Search(r1cs, wires)
    search.run()
    return frozenset(range(r1cs.wires)) - search.known


class _Search:
    """The wires known so far, and the constraints to try next."""

    def __init__(self, r1cs: R1cs, given: Iterable[int]) -> None:
        self._p = r1cs.modulus
        self.known = {0, *given}
        self._rows: list[tuple[_Form, _Form, _Form] | None] = [
            (dict(a), dict(b), dict(c)) for a, b, c in r1cs.rows()
        ]
        self._rows_with_wire: defaultdict[int, list[int]] = defaultdict(list)
        for index, row in enumerate(self._rows):
            assert row is not None
            for wire in row[0].keys() | row[1].keys():
                self._rows_with_wire[wire].append(index)
        self._booleans: set[int] = set()
        self._forms: list[_Form] = []  # F and its gap, F in {v, v + gap}; the key -1 holds the gap
        self._forms_of: defaultdict[int, list[int]] = defaultdict(list)
        self._equations: dict[int, _Form] = {}  # pivot -> equation with coefficient 1 at the pivot
        self._equations_of: defaultdict[int, set[int]] = defaultdict(set)
        self._newly_known: list[int] = []

    def run(self) -> None:
        """Apply the rules until no more wires become known."""
        for row in self._rows:
            if row is not None:
                self._note_boolean(*row)
        for index in range(len(self._rows)):
            self._try_equation(index)
        for number in range(len(self._forms)):
            self._split_form(number)
        while self._newly_known:
            wire = self._newly_known.pop()
            for index in self._rows_with_wire[wire]:
                self._try_equation(index)
            for number in self._forms_of[wire]:
                self._split_form(number)

    def _try_equation(self, index: int) -> None:
        """Turn a constraint into an equation if enough of its wires are known."""
        row = self._rows[index]
        if row is None:
            return
        a, b, c = row
        open_a, open_b = self._unknown_part(a), self._unknown_part(b)
        if open_a and open_b:
            return
        if not open_a and not open_b:
            self._rows[index] = None
            self._learn(self._unknown_part(c))
            return
        side, other = (open_b, a) if open_b else (open_a, b)
        if other.keys() <= {0}:
            factor = other.get(0, 0)
            self._rows[index] = None
            equation = self._unknown_part(c)
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
            self._drop(other)
            self._subtract(row, equation, row[pivot])
            self._store(other, row)
        self._store(pivot, equation)
        self._mark_solved()

    def _mark_solved(self) -> None:
        """Mark a wire that is alone in its equation, and booleans that their weights tell apart."""
        done = True
        while done:
            done = False
            for pivot in list(self._equations):
                row = self._equations.get(pivot)
                if row is None:
                    continue
                alone = len(row) == 1
                if alone or (row.keys() <= self._booleans and separates(list(row.values()), self._p)):
                    self._drop(pivot)
                    self._mark(row)
                    done = True

    def _mark(self, wires: Iterable[int]) -> None:
        """Mark wires as known, and remove them from every equation."""
        for wire in wires:
            if wire in self.known:
                continue
            self.known.add(wire)
            self._newly_known.append(wire)
            for pivot in list(self._equations_of.pop(wire, ())):
                row = self._equations[pivot]
                self._drop(pivot)
                del row[wire]
                self._store_shortened(pivot, row)

    def _store_shortened(self, pivot: int, row: _Form) -> None:
        """Store a shortened equation, with a new pivot if its own was removed."""
        if not row:
            return
        if pivot not in row:
            pivot = min(row)
            scale = pow(row[pivot], -1, self._p)
            row = {wire: value * scale % self._p for wire, value in row.items()}
            for other in list(self._equations_of[pivot]):
                equation = self._equations[other]
                self._drop(other)
                self._subtract(equation, row, equation[pivot])
                self._store(other, equation)
        self._store(pivot, row)

    def _note_boolean(self, a: _Form, b: _Form, c: _Form) -> None:
        """Record F in {v, v + gap} if the constraint says (F - v) (F - v - gap) = 0."""
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
        """Apply the rule of bits to F = v + gap * bit, if the unknown wires in F are booleans."""
        form = self._forms[number]
        gap = form[-1]
        unknown = {wire: value for wire, value in form.items() if wire >= 0 and wire not in self.known}
        if unknown and unknown.keys() <= self._booleans and separates([gap, *unknown.values()], self._p):
            self._mark(unknown)

    def _unknown_part(self, form: _Form) -> _Form:
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

    def _store(self, pivot: int, row: _Form) -> None:
        self._equations[pivot] = row
        for wire in row:
            self._equations_of[wire].add(pivot)

    def _drop(self, pivot: int) -> None:
        for wire in self._equations.pop(pivot):
            self._equations_of[wire].discard(pivot)


def separates(weights: list[int], modulus: int) -> bool:
    """Return whether all choices of booleans b_i give different sums weights[i] * b_i mod `modulus`."""
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
