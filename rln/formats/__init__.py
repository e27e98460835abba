"""Formats: files of other programs: snarkjs, wtns and zerokit."""
