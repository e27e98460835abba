"""Every case of vectors/*.json, checked against the library and against the C core alone."""

import copy
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rln.cli.app import app
from rln.cli.commands import vectors
from rln.cli.commands.vectors import Case, VectorFile
from rln.errors import EncodingError, RlnError
from rln.lowlevel import groth16, hashes, identity
from rln.lowlevel.keys import VerifyingKeyHandle

FOLDER = Path(__file__).resolve().parents[2] / "vectors"
FILES = {path.stem: vectors.read(path) for path in sorted(FOLDER.glob("*.json"))}
CASES = [
    pytest.param(file, case, id=f"{noun}-{case['id']}") for noun, file in FILES.items() for case in file.cases
]


def test_every_noun_has_a_file() -> None:
    assert set(FILES) == set(vectors.CHECKERS)


@pytest.mark.parametrize(("file", "case"), CASES)
def test_the_library_answers_what_the_case_expects(file: VectorFile, case: Case) -> None:
    assert vectors.check_case(file.noun, file.content, case) is None


def _asked(core: Callable[[Case], object], cases: tuple[Case, ...]) -> None:
    for case in cases:
        if case["result"] == "valid":
            assert core(case["input"]) == case["output"], case["id"]
            continue
        with pytest.raises(RlnError) as caught:
            core(case["input"])
        assert type(caught.value) is vectors.KINDS[case["error"]], case["id"]


def _bytes(*texts: str) -> bytes:
    return b"".join(bytes.fromhex(text) for text in texts)


def test_the_core_alone_refuses_poseidon_inputs() -> None:
    def core(given: Case) -> str:
        return hashes.poseidon([bytes.fromhex(value) for value in given["inputs"]]).hex()

    _asked(core, FILES["poseidon"].cases)


def test_the_core_alone_refuses_secrets() -> None:
    def core(given: Case) -> dict[str, str]:
        handle = identity.from_secret(_bytes(given["secret"]))
        return {"secret": identity.secret(handle).hex(), "commitment": identity.commitment(handle).hex()}

    _asked(core, tuple(case for case in FILES["identity"].cases if "secret" in case["input"]))


def test_the_core_alone_refuses_shares() -> None:
    def core(given: Case) -> dict[str, str]:
        if "first" in given:
            both = (_bytes(*given[name]) for name in ("first", "second"))
            return {"secret": identity.secret(identity.recover(_bytes(given["nullifier"]), *both)).hex()}
        handle = identity.from_secret(_bytes(given["secret"]))
        scalars = (_bytes(given[name]) for name in ("x", "external_nullifier", "message_id"))
        y, nullifier = identity.share(handle, *scalars)
        return {"y": y.hex(), "nullifier": nullifier.hex()}

    _asked(core, FILES["share"].cases)


@pytest.fixture(scope="module")
def key() -> VerifyingKeyHandle:
    return VerifyingKeyHandle.decode(_bytes(FILES["proof"].content["verifying_key"]), compressed=True)


def test_the_core_alone_refuses_proofs(key: VerifyingKeyHandle) -> None:
    def core(given: Case) -> bool:
        if not groth16.verify(key, _bytes(*given["inputs"]), _bytes(given["proof"])):
            raise vectors.KINDS["refused"]("the equation does not hold")
        return True

    _asked(core, FILES["proof"].cases)


@pytest.mark.parametrize("threads", [1, 2])
def test_one_batch_of_all_proofs_gives_each_its_own_answer(key: VerifyingKeyHandle, threads: int) -> None:
    cases = [case for case in FILES["proof"].cases if case.get("error") != "length"]
    inputs = b"".join(_bytes(*case["input"]["inputs"]) for case in cases)
    proofs = b"".join(_bytes(case["input"]["proof"]) for case in cases)
    found = groth16.verify_many(key, inputs, proofs, threads)
    named: dict[str, set[int]] = {}
    for case, status in zip(cases, found, strict=True):
        named.setdefault(case.get("error", "valid"), set()).add(status)
    assert named["valid"] == {groth16.ACCEPTED}
    assert named["refused"] == {groth16.REFUSED}
    kinds = [frozenset(statuses) for statuses in named.values()]
    assert all(len(statuses) == 1 for statuses in kinds)
    assert len(set(kinds)) == len(named) == 4  # valid, refused, range and point have different statuses


# ---- the files -------------------------------------------------------------------------------------


def test_the_files_are_what_the_oracle_makes() -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "make.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_at_least_half_of_the_cases_fail(file: VectorFile) -> None:
    count = Counter(case["result"] for case in file.cases)
    assert count["invalid"] >= count["valid"] > 0


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_ids_are_distinct_and_reasons_given(file: VectorFile) -> None:
    assert len({case["id"] for case in file.cases}) == len(file.cases)
    assert all(case["why"] for case in file.cases)


# ---- the checker -----------------------------------------------------------------------------------


def _first(file: VectorFile, result: str) -> dict[str, Any]:
    return copy.deepcopy(dict(next(case for case in file.cases if case["result"] == result)))


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_case_with_another_output_counts_as_a_miss(file: VectorFile) -> None:
    case = _first(file, "valid")
    answer, case["output"] = case["output"], {"another": "answer"}
    assert vectors.check_case(file.noun, file.content, case) == f"output {str(answer)[:100]}"


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_an_accepted_input_that_should_be_refused_counts_as_a_miss(file: VectorFile) -> None:
    for error in vectors.KINDS:
        case = {**_first(file, "valid"), "result": "invalid", "error": error}
        assert vectors.check_case(file.noun, file.content, case) == "accepted"


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_refusal_of_another_kind_counts_as_a_miss(file: VectorFile) -> None:
    case = _first(file, "invalid")
    own = vectors.KINDS[case["error"]]
    for error in (error for error, kind in vectors.KINDS.items() if kind is not own):
        got = vectors.check_case(file.noun, file.content, {**case, "error": error})
        assert str(got).startswith(f"{own.__name__}: ")


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_an_input_of_another_noun_is_refused(file: VectorFile) -> None:
    with pytest.raises(vectors.UnusableFile, match="not a case of"):
        vectors.check_case(file.noun, file.content, {**_first(file, "valid"), "input": {"a": 3}})


def _written(folder: Path, noun: str, document: object) -> Path:
    path = folder / f"{noun}.json"
    path.write_text(json.dumps(document))
    return path


GOOD = {"id": "a", "input": {"inputs": []}, "result": "invalid", "error": "parameter"}


@pytest.mark.parametrize(
    ("noun", "document", "error", "message"),
    [
        ("weather", {"cases": [GOOD]}, vectors.UnusableFile, "name: expected one of field, "),
        ("poseidon", {"cases": []}, vectors.UnusableFile, "cases: expected at least one, got none"),
        ("poseidon", [GOOD], EncodingError, "cases: expected an array"),
        ("poseidon", {"cases": [3]}, vectors.UnusableFile, "case 0: result: expected valid or invalid"),
        (
            "poseidon",
            {"cases": [{**GOOD, "result": []}]},
            vectors.UnusableFile,
            "case 0: result: expected valid or invalid",
        ),
        (
            "poseidon",
            {"cases": [GOOD, {**GOOD, "result": "valid"}]},
            EncodingError,
            "case 1: output is missing",
        ),
        ("poseidon", {"cases": [{**GOOD, "output": 1}]}, EncodingError, "case 0: unknown name 'output'"),
        ("poseidon", {"cases": [{**GOOD, "error": "bad"}]}, vectors.UnusableFile, "case 0: error: expected"),
        ("poseidon", {"cases": [{**GOOD, "error": []}]}, EncodingError, "case 0: error: expected a string"),
    ],
)
def test_a_file_of_another_form_is_refused(
    tmp_path: Path, noun: str, document: object, error: type[RlnError], message: str
) -> None:
    with pytest.raises(error, match=f"{noun}.json: {message}"):
        vectors.read(_written(tmp_path, noun, document))


def _check(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["vectors", "check", *map(str, arguments)])


def test_the_command_counts_what_it_checked() -> None:
    done = _check("--json", FOLDER)
    report = json.loads(done.stdout)
    assert done.exit_code == 0
    assert report["missed"] == 0
    counted = {Path(entry["file"]).stem: entry["cases"] for entry in report["files"]}
    assert counted == {noun: len(file.cases) for noun, file in FILES.items()}


def test_the_command_names_each_miss(tmp_path: Path) -> None:
    wrong = {**GOOD, "id": "wrong", "error": "range"}
    done = _check("--json", _written(tmp_path, "poseidon", {"cases": [GOOD, wrong]}))
    assert done.exit_code == 1
    (entry,) = json.loads(done.stdout)["files"]
    assert [miss["id"] for miss in entry["missed"]] == ["wrong"]
    assert entry["missed"][0]["got"].startswith("ParameterError: inputs: expected 1 to 8")
    many = {"cases": [GOOD, *({**wrong, "id": f"wrong-{i}"} for i in range(12))]}
    done = _check(_written(tmp_path, "poseidon", many))
    assert done.exit_code == 1
    assert f"MISS {tmp_path / 'poseidon.json'}  1/13" in done.output
    assert "wrong-9: ParameterError" in done.output
    assert "wrong-10" not in done.output
    assert "and 2 more" in done.output


def test_the_command_refuses_files_that_it_cannot_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "field.json", FOLDER / "README.md"):
        done = _check(path)
        assert done.exit_code == 2
        assert str(path) in done.output
