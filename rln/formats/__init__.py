"""Formats of other programs: snarkjs, wtns, zerokit."""
