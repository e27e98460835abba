"""Key report: the checks of a key one by one, as `rln keys check` prints them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from rln.cli.digests import key_digests
from rln.cli.keyfiles import KeyContent, KeyForm
from rln.cli.report import ACCEPTED, UNUSABLE, Report, name_in_errors
from rln.cli.table import format_facts, format_paragraph
from rln.errors import KeyFileError
from rln.keys.key_checks import KeyCheck, Outcome, examine, examine_count
from rln.keys.key_file import KeyFile
from rln.keys.proving_key import ProvingKey
from rln.keys.verifying_key import CEREMONIES, VerifyingKey

NOTE = (
    "These checks find slips, not trapdoors: whoever made a key alone can forge proofs, and no check shows "
    "it. Only the transcript of a ceremony tells that nobody can."
)

_PROVING = "proving key"
_PROVING_MEANING = (
    "it belongs to the verifying key: pairing equations hold, and proofs of random statements verify"
)


def check_packaged(name: str) -> Report:
    """Check a verifying key that is part of the package."""
    key = VerifyingKey.builtin(name)
    plain = key.encode(compressed=False)
    return _report(
        (*examine(plain), examine_count(key.public_inputs)), key, None, None, CEREMONIES[key.digest]
    )


def check_file(content: KeyContent, graph: Path | None, limit_bits: int) -> Report:
    """Check the key in a file.

    Args:
        content: the file.
        graph: file of the witness graph, for a `.zkey` or `.arkzkey`.
        limit_bits: of the circuit of such a key.

    Raises:
        InputError: the file is invalid, or the graph is missing; an unsound key is a report.
    """
    plain = content.verifying_points()
    with name_in_errors(content.path):
        checks = (*examine(plain), examine_count(int.from_bytes(plain[448:456], "little") - 1))
    broken = any(check.outcome is Outcome.FAILED for check in checks)
    verifying = None if broken else content.verifying_key()
    proving = None
    if content.form is not KeyForm.JSON:
        if broken:
            checks = (*checks, KeyCheck(_PROVING, _PROVING_MEANING, Outcome.NOT_RUN))
        else:
            proving, check = _check_proving(content, graph, limit_bits)
            checks = (*checks, check)
    return _report(checks, verifying, proving, content, _provenance(content, verifying, proving))


def _check_proving(
    content: KeyContent, graph: Path | None, limit_bits: int
) -> tuple[ProvingKey | None, KeyCheck]:
    try:
        proving = content.proving_key(graph, limit_bits=limit_bits)
        if proving.is_pinned:  # then reading the file has checked only its digest
            proving.check()
    except KeyFileError as error:
        fault = str(error).removeprefix(f"{content.path}: ")
        if content.form is not KeyForm.OWN:  # the file does not say which circuit it is for
            fault += f"; if the circuit has other limit bits than {limit_bits}, give --limit-bits"
        return None, KeyCheck(_PROVING, _PROVING_MEANING, Outcome.FAILED, fault)
    return proving, KeyCheck(_PROVING, _PROVING_MEANING, Outcome.PASSED)


def _provenance(content: KeyContent, verifying: VerifyingKey | None, proving: ProvingKey | None) -> str:
    ceremony = None if verifying is None else CEREMONIES.get(verifying.digest)
    if ceremony is not None:
        pinned = proving is not None and proving.is_pinned
        return f"{ceremony}; key and graph are pinned in this package" if pinned else ceremony
    if content.form is KeyForm.OWN:
        return f"{KeyFile.decode(content.data).provenance}, says the file"
    return "unknown: the file does not say who made the key"


def _report(
    checks: tuple[KeyCheck, ...],
    verifying: VerifyingKey | None,
    proving: ProvingKey | None,
    content: KeyContent | None,
    provenance: str,
) -> Report:
    sound = all(check.outcome is Outcome.PASSED for check in checks)
    facts = {
        **key_digests(verifying if proving is None else proving, None if content is None else content.data),
        "provenance": provenance,
    }
    data = {
        "sound": sound,
        "public_inputs": None if verifying is None else verifying.public_inputs,
        **facts,
        "checks": [
            {
                "name": check.name,
                "meaning": check.meaning,
                "outcome": str(check.outcome),
                "fault": check.fault,
            }
            for check in checks
        ],
        "note": NOTE,
    }
    return Report(data, _text(checks, facts, sound), ACCEPTED if sound else UNUSABLE)


def _text(checks: tuple[KeyCheck, ...], facts: Mapping[str, object], sound: bool) -> str:
    """Return one line for each check and each fact, and then what follows; wrapped on a terminal."""
    stream = sys.stdout if sound else sys.stderr  # where `run` prints it
    width = max(len(check.name) for check in checks)
    lines = [
        format_paragraph(_finding(check), f"{check.outcome:7}  {check.name:{width}}  ", stream=stream)
        for check in checks
    ]
    failed = ", ".join(check.name for check in checks if check.outcome is Outcome.FAILED)
    end = f"unsound, or not an RLN key: do not use it. Failed: {failed}"
    if sound:
        end = f"sound: no known fault. {NOTE}"
    return "\n".join([*lines, "", format_facts(facts), "", format_paragraph(end, stream=stream)])


def _finding(check: KeyCheck) -> str:
    return check.meaning if check.fault is None else f"{check.fault}. Expected: {check.meaning}"
