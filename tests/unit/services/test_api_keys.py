"""API keys: digests in a file, read again when it changes; no key and no account in any message."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from rln.errors import EncodingError, ParameterError, StoreUnavailable
from rln.services.api_keys import Account, AccountHook, ApiKeyFile

KEY = "a-key-that-nobody-guesses"


def entry(key: str = KEY, **more: Any) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(key.encode()).hexdigest(), "tiers": ["basic"], **more}


def written(path: Path, accounts: Any) -> Path:
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"accounts": accounts}))
    new.rename(path)
    return path


def test_a_key_names_its_account_and_no_other_text_does(tmp_path: Path) -> None:
    keys = ApiKeyFile(
        written(tmp_path / "keys.json", {"acme": entry(several=True), "b": entry("other-key-00000")})
    )
    assert keys.account_of(KEY) == Account("acme", ("basic",), True)
    assert keys.account_named("acme") == Account("acme", ("basic",), True)
    for wrong in ("", KEY[:-1], f"{KEY} ", entry()["sha256"], "\ud800", "acme"):
        assert keys.account_of(wrong) is None
    assert keys.account_named("nobody") is None
    assert KEY not in repr(keys) and not any(KEY in str(value) for value in vars(keys).values())


def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json", {"acme": entry()})
    keys = ApiKeyFile(path)
    written(path, {"other": entry()})
    assert keys.account_of(KEY) == Account("other", ("basic",))
    assert keys.account_named("acme") is None


@pytest.mark.parametrize(
    "accounts",
    [
        [], {"acme": {}}, {"acme": {**entry(), "key": KEY}}, {"acme": entry(several="yes")},
        {"acme": {**entry(), "tiers": "basic"}}, {"acme": {**entry(), "tiers": ["No Tier"]}},
        {"acme": {**entry(), "sha256": "00"}}, {"white space": entry()}, {"one": entry(), "two": entry()},
    ],
)  # fmt: skip
def test_a_file_of_another_form_answers_nothing_and_names_nobody(tmp_path: Path, accounts: Any) -> None:
    path = written(tmp_path / "keys.json", {"acme": entry()})
    keys = ApiKeyFile(path)
    written(path, accounts)
    for ask in (lambda: keys.account_of(KEY), lambda: keys.account_named("acme"), lambda: ApiKeyFile(path)):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert "acme" not in str(caught.value) and entry()["sha256"] not in str(caught.value)
    written(path, {"acme": entry()})
    assert keys.account_of(KEY) is not None


def test_a_missing_file_is_unavailable_and_ends_nobody(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json", {"acme": entry()})
    keys = ApiKeyFile(path)
    path.unlink()
    with pytest.raises(StoreUnavailable, match="No such file"):
        keys.account_named("acme")


def test_a_hook_is_asked_and_its_answers_are_checked() -> None:
    hook = AccountHook(lambda key: Account("acme", ("basic",)) if key == KEY else None)
    assert hook.account_of(KEY) == Account("acme", ("basic",)) and hook.account_of("x") is None
    with pytest.raises(StoreUnavailable):
        hook.account_named("acme")
    with pytest.raises(ParameterError):
        AccountHook(lambda _: "acme").account_of(KEY)  # type: ignore[arg-type, return-value]
    with pytest.raises(ParameterError):
        AccountHook(7)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "tiers"), [("", ()), ("a b", ()), ("é", ()), ("a" * 129, ()), ("a", ("",))])
def test_an_account_has_a_plain_name_and_tiers(name: str, tiers: tuple[str, ...]) -> None:
    with pytest.raises(EncodingError):
        Account(name, tiers)
    with pytest.raises(ParameterError):
        Account("a", ["basic"])  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        Account("a", (), 1)  # type: ignore[arg-type]


def test_the_operator_is_told_once_of_a_file_that_cannot_be_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "keys.json", {"acme": entry()})
    keys = ApiKeyFile(path)
    for _ in range(2):
        written(path, {"acme": {}})
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                keys.account_of(KEY)
        written(path, {"acme": entry()})
        keys.account_of(KEY)
    lines = [record.getMessage() for record in caplog.records if record.name == "rln.registrar"]
    assert len(lines) == 2 and all(str(path) in line and "acme" not in line for line in lines)
