"""`rln vectors`: run the library on every case of the test vectors.

A file is named after its subject, and each subject has one checker below. A checker returns the answer in the
notation of the file, or raises what the library raises. A valid case passes if the answer is the one in the
file; an invalid case passes if the error has exactly the kind that the file names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from rln.base import canonical_json, scalar
from rln.cli import http_vectors, waku_vectors
from rln.cli.report import REFUSED, AsJson, Report, UnusableFile, name_in_errors, read_file, run
from rln.errors import (
    EncodingError,
    FieldRangeError,
    InvalidProof,
    ParameterError,
    PointError,
    RecoveryError,
    RlnError,
    TreeFull,
)
from rln.keys.verifying_key import VerifyingKey
from rln.lowlevel import field, hashes
from rln.merkle.tree import MerkleTree
from rln.protocol.hashing import hash_to_field, hash_to_field_big_endian, poseidon_hash
from rln.protocol.identity import Identity
from rln.protocol.proof import MultiRlnProof, decode_message
from rln.protocol.recovery import recover_secret
from rln.protocol.share import Share
from rln.waku.wire import LaxEncoding

app = typer.Typer(no_args_is_help=True)

Case = Mapping[str, Any]
"""A JSON object of a vector file: a whole case, its input, or the document."""

_SIZE_LIMIT = 1 << 26
"""Bytes of the longest file."""

_SHOWN = 10
"""Failed cases of a file that are printed; JSON has all of them."""


class _Mismatch(RlnError):
    """A claimed value is not the value that the library computes."""


KINDS: Final[Mapping[str, type[RlnError]]] = {
    "length": EncodingError,
    "form": EncodingError,
    "lax": LaxEncoding,
    "range": FieldRangeError,
    "point": PointError,
    "parameter": ParameterError,
    "full": TreeFull,
    "mismatch": _Mismatch,
    "recovery": RecoveryError,
    "refused": InvalidProof,
}
"""The exception class for each `error` of the vectors."""


@app.callback()
def group() -> None:
    """Check this library against test vectors."""


@app.command("check")
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH ...]", help="Vector files, or directories of them; default: vectors."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every test vector; print one line per file. The exit status is 1 if any case fails."""

    def action() -> Report:
        results = [_check_file(path) for path in _files(paths or [Path("vectors")])]
        missed = sum(len(result["missed"]) for result in results)
        lines = [_result_line(result) for result in results]
        return Report({"missed": missed, "files": results}, "\n".join(lines), REFUSED if missed else 0)

    run(action, as_json)


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A file of cases.

    Attributes:
        noun: the subject of the cases, which is the name of the file.
        content: the whole document.
        cases: the cases, in the form that vectors/README.md describes.
    """

    noun: str
    content: Case
    cases: tuple[Case, ...]


def read(path: Path) -> VectorFile:
    """Read a file, and check the form of its cases.

    Raises:
        UnusableFile: not a file of vectors, or there is no checker for its noun.
        EncodingError: not a valid JSON document.
    """
    with name_in_errors(path):
        data = read_file(path, _SIZE_LIMIT)
        if path.stem not in CHECKERS:
            raise UnusableFile(f"name: expected one of {', '.join(CHECKERS)}, got {path.stem}")
        content: Any = canonical_json.read(data, "vectors", _SIZE_LIMIT, depth=16)
        cases = canonical_json.items(content.get("cases") if isinstance(content, dict) else None, "cases")
        if not cases:
            raise UnusableFile("cases: expected at least one, got none")
        return VectorFile(path.stem, content, tuple(_case(case, f"case {i}") for i, case in enumerate(cases)))


def _case(value: object, name: str) -> Case:
    result = value.get("result") if isinstance(value, dict) else None
    if result not in ("valid", "invalid"):
        raise UnusableFile(f"{name}: result: expected valid or invalid, got {str(result)[:40]!r}")
    answer = "output" if result == "valid" else "error"
    known = canonical_json.fields(value, name, ("id", "input", "result", answer), ("why", "flags"))
    if answer == "error" and (kind := canonical_json.text(known["error"], f"{name}: error")) not in KINDS:
        raise UnusableFile(f"{name}: error: expected one of {', '.join(KINDS)}, got {kind[:40]!r}")
    return known


def check_case(noun: str, content: Case, case: Case) -> str | None:
    """Run the library on one case.

    Args:
        noun: the subject of the case.
        content: the whole document, which contains what its cases share.
        case: one of its cases.

    Returns:
        None if the library gives the expected result, else what it gives instead.

    Raises:
        UnusableFile: the input does not have the form that this noun requires.
    """
    expected = KINDS[case["error"]] if case["result"] == "invalid" else None
    try:
        answer = CHECKERS[noun](case["input"], content)
    except RlnError as error:
        return None if type(error) is expected else f"{type(error).__name__}: {error}"
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnusableFile(
            f"{case['id']}: input: not a case of {noun}: {type(error).__name__} {error}"
        ) from error
    if expected is not None:
        return "accepted"
    return None if answer == case["output"] else f"output {str(answer)[:100]}"


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not inside:
            raise UnusableFile(f"{path}: expected .json files in the directory, got none")
        found += inside
    return found


def _check_file(path: Path) -> dict[str, Any]:
    file = read(path)
    missed = []
    with name_in_errors(path):
        for case in file.cases:
            got = check_case(file.noun, file.content, case)
            if got is not None:
                missed.append({"id": case["id"], "got": got})
    return {"file": str(path), "cases": len(file.cases), "missed": missed}


def _result_line(result: Mapping[str, Any]) -> str:
    missed = result["missed"]
    state, met = ("MISS" if missed else "ok  "), result["cases"] - len(missed)
    shown = [f"       {miss['id']}: {miss['got']}" for miss in missed[:_SHOWN]]
    if len(missed) > _SHOWN:
        shown.append(f"       and {len(missed) - _SHOWN} more")
    return "\n".join([f"{state} {result['file']}  {met}/{result['cases']}", *shown])


def _field(case: Case, _: Case) -> object:
    a, b = bytes.fromhex(case["a"]), bytes.fromhex(case["b"]) if "b" in case else None
    return field.evaluate(case["field"], case["operation"], a, b).hex()


def _poseidon(case: Case, _: Case) -> object:
    return _hex(poseidon_hash([_scalar(value) for value in case["inputs"]]))


def _hash_to_field(case: Case, _: Case) -> object:
    message = bytes.fromhex(case["message"])
    little = _hex(hash_to_field(message))
    if case["claimed"] is not None and case["claimed"] != little:
        raise _Mismatch(f"claimed: expected {little}, got {str(case['claimed'])[:64]}")
    return {
        "keccak256": hashes.keccak256(message).hex(),
        "little_endian": little,
        "big_endian": _hex(hash_to_field_big_endian(message)),
    }


def _identity(case: Case, _: Case) -> object:
    answer: dict[str, str] = {}
    if "secret" in case:
        identity = Identity.from_secret(_scalar(case["secret"]))
    else:
        identity = Identity.from_seed(bytes.fromhex(case["seed"]), case["extended"])
        if case["extended"]:
            trapdoor, nullifier = identity.secret().reveal_extended()
            answer = {"trapdoor": _hex(trapdoor), "nullifier": _hex(nullifier)}
    return {**answer, "secret": _hex(identity.secret().reveal()), "commitment": _hex(identity.commitment)}


def _merkle(case: Case, _: Case) -> object:
    if "leaves" in case:
        tree = MerkleTree(case["depth"])
        tree.extend([_scalar(leaf) for leaf in case["leaves"]])
        return _hex(tree.root)
    siblings = b"".join(bytes.fromhex(sibling) for sibling in case["siblings"])
    return hashes.merkle_root(bytes.fromhex(case["leaf"]), siblings, bytes(case["bits"])).hex()


def _share(case: Case, _: Case) -> object:
    if "first" in case:
        first, second = (
            Share(_scalar(x), _scalar(y), _scalar(case["nullifier"]))
            for x, y in (case["first"], case["second"])
        )
        return {"secret": _hex(recover_secret(first, second).reveal())}
    identity = Identity.from_secret(_scalar(case["secret"]))
    share = identity.share(*(_scalar(case[name]) for name in ("x", "external_nullifier", "message_id")))
    return {"y": _hex(share.y), "nullifier": _hex(share.nullifier or 0)}


def _proof(case: Case, content: Case) -> object:
    key = _verifying_key(content["verifying_key"])
    if not key.verify([_scalar(value) for value in case["inputs"]], bytes.fromhex(case["proof"])):
        raise InvalidProof("proof: the pairing equation does not hold")
    return True


def _zerokit_message(case: Case, _: Case) -> object:
    data, codec = bytes.fromhex(case["message"]), case["codec"]
    found = decode_message(data, codec)
    if isinstance(found, MultiRlnProof):
        ys, nullifiers, selectors = found.ys, found.nullifiers, [int(used) for used in found.selector_used]
    else:
        ys, nullifiers, selectors = (found.y,), (found.nullifier,), []
    return {
        "proof": found.proof.hex(),
        "root": _hex(found.root),
        "x": _hex(found.x),
        "external_nullifier": _hex(found.external_nullifier),
        "ys": [_hex(y) for y in ys],
        "nullifiers": [_hex(nullifier) for nullifier in nullifiers],
        "selectors": selectors,
        "message": found.encode(codec).hex(),
    }


@cache
def _verifying_key(text: str) -> VerifyingKey:
    return VerifyingKey.decode(bytes.fromhex(text))


CHECKERS: Final[Mapping[str, Callable[[Case, Case], object]]] = {
    "field": _field,
    "hash_to_field": _hash_to_field,
    "identity": _identity,
    "merkle": _merkle,
    "poseidon": _poseidon,
    "proof": _proof,
    "share": _share,
    "zerokit-messages": _zerokit_message,
    **http_vectors.CHECKERS,
    **waku_vectors.CHECKERS,
}


def _scalar(text: str) -> int:
    return scalar.decode(bytes.fromhex(text), "value")


def _hex(value: int) -> str:
    return scalar.encode(value).hex()
