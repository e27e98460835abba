"""File formats of other programs: snarkjs, wtns and zerokit."""
