"""Circuits as Python data: the RLN relations, their constraints and their witness graphs."""

from rln.circuit.check import explain, failures
from rln.circuit.r1cs import Matrix, R1cs
from rln.circuit.relation import Circuit, rln, rln_multi
from rln.circuit.unique import undetermined

__all__ = ["Circuit", "Matrix", "R1cs", "explain", "failures", "rln", "rln_multi", "undetermined"]
