"""Import arguments: what the ways to read a proving key have in common, checked before the file is read."""

from __future__ import annotations

from rln.base.arguments import plain_bytes, text, thread_count, whole
from rln.base.bounds import MAX_LIMIT_BITS


def check_import(name: str, limit_bits: int, threads: int | None, r1cs: bytes | None = None) -> None:
    """Check the arguments of an import of another program's key.

    Raises:
        InputError: an argument has another type or is outside its range.
    """
    text(name, "name")
    whole(limit_bits, "limit_bits", 1, MAX_LIMIT_BITS)
    check_threads_and_r1cs(threads, r1cs)


def check_threads_and_r1cs(threads: int | None, r1cs: bytes | None) -> None:
    """Check a number of threads and the bytes of constraints.

    Raises:
        InputError: an argument has another type or is outside its range.
    """
    thread_count(threads)
    if r1cs is not None:
        plain_bytes(r1cs, "r1cs")
