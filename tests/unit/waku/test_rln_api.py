"""RLN-API: every verdict and every error has its word."""

from __future__ import annotations

from typing import get_args

import pytest

from rln import errors
from rln.errors import ParameterError, RlnError
from rln.verifying.verdict import Duplicate, Verdict
from rln.waku.judge import OwnViolation
from rln.waku.rln_api import ERRORS, VERDICTS, ErrorWord, ProofWord, error_word, proof_word
from rln.waku.wire import LaxEncoding


def test_the_tables_are_complete() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RlnError)}
    assert set(ERRORS) == kinds
    assert set(ERRORS.values()) == set(ErrorWord)
    assert set(VERDICTS) == set(get_args(Verdict))
    assert set(VERDICTS.values()) == set(ProofWord)


def test_an_error_of_another_class_has_the_word_of_the_class_above() -> None:
    assert error_word(LaxEncoding("a")) is ERRORS[errors.EncodingError]
    assert error_word(OwnViolation("a")) is ErrorWord.PERMANENT
    assert error_word(errors.RateLimitReached("a")) is ErrorWord.BUDGET_EXHAUSTED
    assert proof_word(Duplicate()) is ProofWord.PROOF_DUPLICATE


def test_only_verdicts_and_our_errors_have_words() -> None:
    with pytest.raises(ParameterError, match="error: expected RlnError, got ValueError"):
        error_word(ValueError("a"))  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="verdict: expected a verdict, got str"):
        proof_word("valid")  # type: ignore[arg-type]
