"""The file of an identity: read back as it was written, and its owner's alone."""

from __future__ import annotations

import json
import os
import stat
import traceback
from pathlib import Path

import pytest

import rln
from rln.errors import EncodingError, FieldRangeError, InputError, ParameterError

SECRET = 123456789123456789123456789


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "id.json"
    rln.Identity.from_secret(SECRET).save(path)
    return path


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_what_save_writes_load_reads(saved: Path) -> None:
    """There was a documented file, but no function that read it."""
    assert stat.S_IMODE(os.stat(saved).st_mode) == 0o600
    assert rln.Identity.load(saved) == rln.Identity.load(str(saved)) == rln.Identity.from_secret(SECRET)
    with pytest.raises(FileExistsError):
        rln.Identity.generate().save(saved)
    assert rln.Identity.load(saved) == rln.Identity.from_secret(SECRET)


def test_an_extended_identity_keeps_its_parts_in_the_file(tmp_path: Path) -> None:
    made = rln.Identity.generate_extended()
    made.save(tmp_path / "id.json")
    content = json.loads((tmp_path / "id.json").read_text())
    parts = int(content["identityTrapdoor"]), int(content["identityNullifier"])
    assert parts == made.secret().reveal_extended()
    loaded = rln.Identity.load(tmp_path / "id.json")
    assert loaded == made
    assert loaded.secret().reveal_extended() == parts


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_file_that_others_may_read_is_refused(saved: Path, mode: int) -> None:
    saved.chmod(mode)
    with pytest.raises(
        ParameterError, match=f"id.json: expected mode 0600, got {mode:04o}: .* run chmod 600"
    ):
        rln.Identity.load(saved)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"identityCommitment": "5"}, EncodingError, "expected that of the secret in the file"),
        ({"identitySecret": "0"}, ParameterError, "identitySecret: expected a field element other than 0"),
        ({"identitySecret": 5}, EncodingError, "identitySecret: expected a decimal string"),
        ({"identitySecret": f"0{SECRET}"}, EncodingError, "identitySecret: expected canonical"),
        ({"identitySecret": "9" * 77}, FieldRangeError, "identitySecret"),
        ({"identityTrapdoor": "1"}, EncodingError, "expected both identityTrapdoor and identityNullifier"),
        ({"identityTrapdoor": "1", "identityNullifier": "2"}, EncodingError, "expected the hash of"),
        ({"more": "1"}, EncodingError, "unknown name 'more'"),
    ],
)
def test_values_that_do_not_belong_together_are_refused_and_not_shown(
    saved: Path, values: dict[str, object], error: type[InputError], words: str
) -> None:
    change(saved, **values)
    with pytest.raises(error, match=words) as caught:
        rln.Identity.load(saved)
    shown = "".join(traceback.format_exception(caught.value))
    assert str(saved) in str(caught.value) and str(SECRET) not in shown


def test_another_kind_of_file_is_called_by_its_name(saved: Path) -> None:
    saved.write_bytes(b"rln-key\n")
    with pytest.raises(
        EncodingError, match="expected the secret of an identity, got a key file of this library"
    ):
        rln.Identity.load(saved)
    saved.write_bytes(b"{" + b" " * 5000)
    with pytest.raises(EncodingError, match="at most 4096 bytes"):
        rln.Identity.load(saved)


@pytest.mark.parametrize("path", [5, None, b"id.json", "id\0.json", "id\ud800.json"])
def test_a_path_is_a_path(path: object) -> None:
    for call in (rln.Identity.load, rln.Identity.generate().save):
        with pytest.raises(ParameterError, match="path: expected"):
            call(path)  # type: ignore[arg-type]


def test_a_closed_identity_is_not_saved(tmp_path: Path) -> None:
    member = rln.Identity.generate()
    member.close()
    with pytest.raises(ParameterError, match="used after it was closed"):
        member.save(tmp_path / "id.json")
    assert not list(tmp_path.iterdir())
