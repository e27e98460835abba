"""http-signals.json: targets of requests, signals, and the line that a credential proves."""

from collections.abc import Sequence

from oracle.field import R, decode, encode
from oracle.keccak import hash_to_field, keccak256
from oracle.poseidon import poseidon
from oracle.share import share
from oracle.signal import application_identifier, external_nullifier, request, target

from . import form

NONCE = keccak256(b"nonce")[:16]
BODY = b'{"model":"m","messages":[]}'
GOOD = (b"api.example.com", b"POST", b"/v1/chat/completions", b"application/json", b"")
NAMES = ("authority", "method", "target", "content_type", "content_encoding")
LINE = (b"api.example.com", 60, 29_400_000, 0)
"""Application, period, index of the epoch, message id."""


def _target(
    identifier: str, why: str, path: bytes, query: bytes = b"", flags: Sequence[str] = ()
) -> form.Case:
    given = {"path": path.hex(), "query": query.hex()}
    return form.case(identifier, why, given, lambda: {"target": target(path, query).hex()}, flags)


def _signal(
    identifier: str,
    why: str,
    parts: Sequence[bytes] = GOOD,
    body: bytes = BODY,
    nonce: bytes = NONCE,
    bound: Sequence[bytes] = (),
    line: tuple[bytes, int, int, int] = LINE,
    flags: Sequence[str] = (),
) -> form.Case:
    secret = form.number("secret of http-signals", R)
    application, period, index, message_id = line

    def answer() -> dict[str, str]:
        signal = request(parts, body, nonce, bound)
        x = hash_to_field(signal)
        external = external_nullifier(index, application_identifier(application, period))
        y, nullifier = share(decode(encode(secret)), external, message_id, x)
        numbers = {
            "x": x,
            "external_nullifier": external,
            "slope": poseidon([secret, external, message_id]),
            "y": y,
            "nullifier": nullifier,
        }
        return {"signal": signal.hex(), **{name: form.hexed(value) for name, value in numbers.items()}}

    given = {
        **{name: part.hex() for name, part in zip(NAMES, parts, strict=True)},
        "body": body.hex(),
        "nonce": nonce.hex(),
        "bound": [value.hex() for value in bound],
        "secret": form.hexed(secret),
        "application": application.decode(),
        "period": period,
        "epoch": index,
        "message_id": message_id,
    }
    return form.case(identifier, why, given, answer, flags)


def _with(place: int, value: bytes) -> tuple[bytes, ...]:
    return (*GOOD[:place], value, *GOOD[place + 1 :])


def _targets() -> list[form.Case]:
    cases = [
        _target("target-root", "the shortest path", b"/"),
        _target("target-plain", "a path", b"/v1/chat/completions"),
        _target("target-slash-behind", "another path than without the slash", b"/v1/"),
        _target("target-characters", "all characters of a path", b"/-._~!$&'()*+,;=:@azAZ09/x.y"),
        _target("target-query", "a query is as it was sent", b"/v1/models", b"limit=5&after=%63+d%2F"),
        _target("target-query-marks", "a question mark in the query", b"/v1", b"a=?&b=??"),
        _target("target-query-odd", "visible ASCII", b"/", b'"<>\\^`{|}[]'),
        _target("target-query-dots", "only paths are resolved", b"/v1", b"x=/../y//z/./"),
        _target("target-longest", "8,192 bytes", b"/" + b"a" * 4096, b"b" * 4094),
    ]
    bad = {
        "empty": (b"", b"", "begins with a slash"),
        "relative": (b"v1/models", b"", "begins with a slash"),
        "absolute-form": (b"http://api.example.com/v1", b"", "no absolute form"),
        "asterisk": (b"*", b"", "begins with a slash"),
        "double-slash": (b"//evil.example/v1", b"", "another host for some programs"),
        "double-slash-inside": (b"/v1//models", b"", "some programs join slashes"),
        "dot": (b"/v1/./models", b"", "some programs resolve it"),
        "dots": (b"/v1/x/../models", b"", "some programs resolve it"),
        "dots-behind": (b"/v1/..", b"", "some programs resolve it"),
        "hidden": (b"/.well-known/rln", b"", "no segment begins with a dot"),
        "percent": (b"/v1/%63hat", b"", "some programs decode it"),
        "percent-slash": (b"/v1%2fmodels", b"", "some programs decode it"),
        "backslash": (b"/v1\\models", b"", "a slash for some programs"),
        "fragment": (b"/v1#x", b"", "no fragment"),
        "question": (b"/v1?x", b"", "the query stands apart"),
        "space": (b"/v1 /models", b"", "no space"),
        "newline": (b"/v1\n", b"", "no newline at the end"),
        "nul": (b"/v1\0", b"", "no control characters"),
        "8-bit": (b"/v1/\xc3\xa9", b"", "ASCII"),
        "brackets": (b"/v1/[x]", b"", "not in a path"),
        "query-fragment": (b"/v1", b"a=1#x", "no fragment"),
        "query-space": (b"/v1", b"a= 1", "no space"),
        "query-newline": (b"/v1", b"a=1\n", "no newline at the end"),
        "query-8-bit": (b"/v1", b"a=\xe9", "ASCII"),
        "too-long": (b"/" + b"a" * 8192, b"", "8,193 bytes"),
        "query-too-long": (b"/" + b"a" * 4096, b"b" * 4095, "8,193 bytes with its question mark"),
    }
    return cases + [
        _target(f"target-{name}", why, path, query, ["form"]) for name, (path, query, why) in bad.items()
    ]


def _signals() -> list[form.Case]:
    cases = [
        _signal("signal", "a request"),
        _signal("signal-other-nonce", "the same request again is another message", nonce=bytes(16)),
        _signal("signal-other-id", "another line, the same x", line=(*LINE[:3], 1)),
        _signal("signal-other-epoch", "another line", line=(LINE[0], 60, LINE[2] + 1, 0)),
        _signal("signal-other-period", "another line", line=(LINE[0], 3600, LINE[2], 0)),
        _signal("signal-other-application", "another line", line=(b"example.com", *LINE[1:])),
        _signal("signal-last-id", "the largest limit", line=(*LINE[:3], 65535)),
        _signal("signal-no-body", "the hash of no bytes", _with(3, b""), b""),
        _signal("signal-long-body", "more than a block of each hash", body=bytes(range(256)) * 3),
        _signal("signal-gzip", "hashed as it is sent", _with(4, b"gzip"), b"\x1f\x8b\x08"),
        _signal("signal-port", "an authority with a port", _with(0, b"api.localhost:8000")),
        _signal("signal-address", "this machine", _with(0, b"127.0.0.1:65535")),
        _signal("signal-ipv6", "this machine", _with(0, b"[::1]:1")),
        _signal("signal-longest-host", "253 characters and a port", _with(0, b"a." * 126 + b"b:65535")),
        _signal("signal-get", "another method", _with(1, b"GET")),
        _signal("signal-query", "the query belongs to the target", _with(2, b"/v1/models?limit=5")),
        _signal("signal-type", "the value as it is", _with(3, b'multipart/form-data; boundary="a\tb"')),
        _signal("signal-bound", "one bound field", bound=[b"org-5"]),
        _signal("signal-bound-empty", "an absent field counts as empty, and is a part", bound=[b""]),
        _signal("signal-bound-two", "in the policy's order", bound=[b"a", b"b"]),
        _signal("signal-bound-joined", "other parts than the case before", bound=[b"ab"]),
    ]
    bad = {
        "authority-empty": (0, b"", "a host"),
        "authority-upper": (0, b"API.example.com", "lower case"),
        "authority-dot-behind": (0, b"api.example.com.", "no dot at the end"),
        "authority-dots": (0, b"api..example.com", "no empty label"),
        "authority-hyphen": (0, b"-api.example.com", "inner hyphens only"),
        "authority-label": (0, b"a" * 64 + b".example", "63 characters a label"),
        "authority-long": (0, b"a." * 126 + b"bc", "253 characters"),
        "authority-user": (0, b"me@api.example.com", "no user name"),
        "authority-path": (0, b"evil.example/.api.example.com", "no path"),
        "authority-port-zero": (0, b"api.example.com:0", "a port is 1 to 65,535"),
        "authority-port-padded": (0, b"api.example.com:080", "no leading zero"),
        "authority-port-large": (0, b"api.example.com:65536", "a port is 1 to 65,535"),
        "authority-port-empty": (0, b"api.example.com:", "digits behind the colon"),
        "authority-ipv6-long": (0, b"[0:0:0:0:0:0:0:1]", "one form of this machine"),
        "authority-ipv6-zone": (0, b"[::1%25lo]", "one form of this machine"),
        "authority-8-bit": (0, b"\xc3\xa9.example.com", "ASCII"),
        "authority-newline": (0, b"api.example.com\n", "no newline at the end"),
        "method-lower": (1, b"post", "capitals"),
        "method-empty": (1, b"", "1 to 32 letters"),
        "method-long": (1, b"A" * 33, "1 to 32 letters"),
        "method-space": (1, b"POST ", "letters only"),
        "target-empty": (2, b"", "begins with a slash"),
        "target-mark-behind": (2, b"/v1?", "an empty query counts as none"),
        "target-percent": (2, b"/v1/%63hat", "some programs decode it"),
        "target-fragment": (2, b"/v1?a#b", "no fragment"),
        "type-space-before": (3, b" text/plain", "no white space at the ends"),
        "type-tab-behind": (3, b"text/plain\t", "no white space at the ends"),
        "type-space": (3, b" ", "empty, not white space"),
        "type-newline": (3, b"text/plain\n", "no newline at the end"),
        "type-8-bit": (3, b"text/\xe9", "ASCII"),
        "type-nul": (3, b"text/\0x", "no control characters"),
        "encoding-folded": (4, b"gzip,\r\n br", "no folded field"),
    }
    cases += [
        _signal(f"signal-{name}", why, _with(place, value), flags=["form"])
        for name, (place, value, why) in bad.items()
    ]
    cases.append(
        _signal("signal-bound-space", "no white space at the ends", bound=[b"a", b"b "], flags=["form"])
    )
    for length in (0, 15, 17, 32):
        nonce = (NONCE + NONCE)[:length]
        cases.append(_signal(f"signal-nonce-{length}", "16 bytes", nonce=nonce, flags=["length"]))
    return cases


def document() -> form.Document:
    """Return the whole file."""
    notation = (
        "hex, except application (a name), period (seconds), epoch (its index) and message_id; numbers 32 "
        "bytes, little-endian; a case with path and query asks for a target, every other one for a signal "
        "and the share that the member with this secret proves; slope: Poseidon(secret, external nullifier, "
        "message id)"
    )
    return form.document(
        "computed by vectors/oracle/signal.py from docs/http.md", notation, [*_targets(), *_signals()]
    )
