"""http-challenges.json: values of the WWW-Authenticate field."""

from collections.abc import Sequence
from typing import Any

from oracle.credential import find_challenge, read_challenge, to_base64url
from oracle.keccak import keccak256

from . import form

POLICY = keccak256(b"policy")
DIGEST = to_base64url(POLICY)
GOOD = b'RLN realm="api.example.com", policy="' + DIGEST + b'", units="1"'


def _output(found: dict[str, Any], value: bytes) -> dict[str, object]:
    error = found["error"]
    return {
        "realm": found["realm"].decode(),
        "policy": found["policy"].hex(),
        "units": found["units"],
        "error": None if error is None else error.decode(),
        "value": value.hex(),
    }


def _case(identifier: str, why: str, value: bytes, flags: Sequence[str] = ()) -> form.Case:
    return form.case(
        identifier, why, {"value": value.hex()}, lambda: _output(read_challenge(value), value), flags
    )


def _find(identifier: str, why: str, values: list[bytes], flags: Sequence[str] = ()) -> form.Case:
    def answer() -> dict[str, object] | None:
        found = find_challenge(values)
        value = next((value for value in values if value.startswith(b"RLN ")), b"")
        return None if found is None else _output(found, value)

    return form.case(identifier, why, {"values": [value.hex() for value in values]}, answer, flags)


def _with(
    realm: bytes = b"api.example.com", policy: bytes = DIGEST, units: bytes = b"1", more: bytes = b""
) -> bytes:
    return b'RLN realm="%b", policy="%b", units="%b"%b' % (realm, policy, units, more)


def document() -> form.Document:
    """Return the whole file."""
    cases = [
        _case("plain", "no credential came", GOOD),
        _case("two-units", "what the request costs", _with(units=b"2")),
        _case("most-units", "what the request costs", _with(units=b"16")),
        _case("short-realm", "the shortest realm", _with(realm=b"a.b")),
        _case("local-realm", "a provider on this machine", _with(realm=b"api.localhost")),
        _case("long-realm", "253 characters", _with(realm=b".".join([b"a" * 63] * 3 + [b"b" * 61]))),
        _case("digest-zero", "any digest", _with(policy=to_base64url(bytes(32)))),
        _case("digest-ones", "any digest", _with(policy=to_base64url(b"\xff" * 32))),
        *(
            _case(
                f"error-{name.decode()}", "why the credential is refused", _with(more=b', error="%b"' % name)
            )
            for name in (b"unknown-key", b"unknown-root", b"wrong-epoch", b"units-needed")
        ),
        _find("find-none", "no field", []),
        _find("find-other", "other schemes only", [b'Basic realm="x"', b'rln realm="x"', b"RLNX y", b"RLN"]),
        _find("find-among", "other schemes in fields of their own", [b"Negotiate", GOOD, b'Basic realm="x"']),
        _find("find-twice", "two challenges", [GOOD, GOOD], ["form"]),
        _find("find-bad", "one of another form", [b"Negotiate", GOOD[:-1]], ["form"]),
        _find("find-joined", "a proxy joined two fields", [GOOD + b', Basic realm="x"'], ["form"]),
    ]
    bad = {
        "empty": (b"", "no value"),
        "scheme-alone": (b"RLN ", "no parameters"),
        "scheme-lower": (b"rln " + GOOD[4:], "this scheme is in capitals"),
        "order": (b'RLN policy="%b", realm="a.example", units="1"' % DIGEST, "the order is fixed"),
        "no-space": (GOOD.replace(b", ", b","), "comma and space between parameters"),
        "spaces": (GOOD.replace(b", ", b",  "), "one space"),
        "token-form": (GOOD.replace(b'"1"', b"1"), "every value is quoted"),
        "twice": (GOOD + b', units="1"', "no parameter twice"),
        "unknown-parameter": (GOOD + b', scope="x"', "no other parameters"),
        "no-units": (GOOD[:-11], "units are required"),
        "newline": (GOOD + b"\n", "no newline at the end"),
        "space-behind": (GOOD + b" ", "no white space at the ends"),
        "comma-behind": (GOOD + b",", "no comma at the end"),
        "units-empty": (_with(units=b""), "a number"),
        "units-zero": (_with(units=b"0"), "1 to 16"),
        "units-leading-zero": (_with(units=b"01"), "no leading zero"),
        "units-plus": (_with(units=b"+1"), "digits only"),
        "units-three-digits": (_with(units=b"100"), "two digits at most"),
        "units-latin": (_with(units=b"\xb2"), "ASCII digits: this is a superscript two"),
        "realm-upper": (_with(realm=b"API.example.com"), "lower case"),
        "realm-quote": (_with(realm=b'api\\".example'), "no escapes"),
        "realm-8-bit": (_with(realm=b"\xe9.example"), "ASCII"),
        "realm-too-long": (_with(realm=b".".join([b"a" * 63] * 4)), "255 characters"),
        "policy-short": (_with(policy=DIGEST[:-1]), "43 characters"),
        "policy-padded": (_with(policy=DIGEST + b"="), "no padding"),
        "policy-plus": (_with(policy=b"+" + DIGEST[1:]), "base64url, not base64"),
        "policy-bits": (_with(policy=b"A" * 42 + b"B"), "bits behind the last byte"),
        "error-empty": (_with(more=b', error=""'), "absent, not empty"),
        "error-upper": (_with(more=b', error="Unknown-Root"'), "lower case"),
        "error-long": (_with(more=b', error="%b"' % (b"a" * 21)), "no such error"),
    }
    cases += [_case(name, why, value, ["form"]) for name, (value, why) in bad.items()]
    outside = {
        "units-17": (_with(units=b"17"), "1 to 16"),
        "units-99": (_with(units=b"99"), "1 to 16"),
        "realm-one-label": (_with(realm=b"localhost"), "at least two labels"),
        "realm-address": (_with(realm=b"127.0.0.1"), "a name, not an address"),
        "realm-dot-behind": (_with(realm=b"example.com."), "no dot at the end"),
        "realm-hyphen": (_with(realm=b"-a.example"), "inner hyphens only"),
        "error-other": (_with(more=b', error="duplicate"'), "only errors for which a new credential helps"),
    }
    cases += [_case(name, why, value, ["parameter"]) for name, (value, why) in outside.items()]
    notation = (
        "hex of the field's value; value: one field; values: all fields of an answer, of which one or none "
        "is for this scheme; policy: hex of SHA-256; the output's value is what encoding gives again"
    )
    return form.document("computed by vectors/oracle/credential.py from docs/http.md", notation, cases)
