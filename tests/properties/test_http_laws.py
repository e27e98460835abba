"""Laws of the protocol over HTTP: what is written is read back, and nothing else reads as it."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress

import http_sf
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rln.errors import EncodingError, InputError
from rln.http.challenge import ERRORS, Challenge
from rln.http.credential import Credential, decode_base64url, encode_base64url
from rln.http.policy import belongs_to
from rln.http.signal import RequestParts, check_authority
from rln.http.target import check_target, request_target
from rln.protocol.proof import AnyProof, MultiRlnProof, RlnProof
from tests.properties.test_codec_laws import BUNDLES, NONZERO, PROOFS
from tests.support.field_elements import SCALARS
from tests.support.joined_signal import split_joined_signal

EXAMPLES = settings(max_examples=60)
LABELS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"]))
PATHS = st.text("aZ5/.-_~!$&'()*+,;=:@", max_size=12).map(lambda text: b"/" + text.encode())
QUERIES = st.text([chr(code) for code in range(0x21, 0x7F) if code != 0x23], max_size=12).map(str.encode)
VALUES = st.text([chr(code) for code in range(0x20, 0x7F)], max_size=8).map(
    lambda text: text.strip().encode()
)


@st.composite
def multi_proofs(draw: st.DrawFn) -> MultiRlnProof:
    """Draw a proof that uses its first slots."""
    slots = draw(st.integers(1, 16))
    units = draw(st.integers(1, slots))
    unused = (0,) * (slots - units)
    ys = tuple(draw(st.lists(SCALARS, min_size=units, max_size=units)))
    nullifiers = tuple(draw(st.lists(SCALARS, min_size=units, max_size=units, unique=True)))
    used = (True,) * units + (False,) * (slots - units)
    return MultiRlnProof(
        draw(BUNDLES), ys + unused, draw(SCALARS), nullifiers + unused, draw(NONZERO), draw(SCALARS), used
    )


def slots_of(proof: AnyProof) -> int | None:
    return None if isinstance(proof, RlnProof) else len(proof.selector_used)


CREDENTIALS = st.builds(
    Credential,
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=16, max_size=16),
    PROOFS | multi_proofs(),
)


# ---- credentials -----------------------------------------------------------------------------------


@EXAMPLES
@given(credential=CREDENTIALS)
def test_a_credential_is_read_back(credential: Credential) -> None:
    value = credential.encode().encode()
    assert Credential.decode(value, slots_of(credential.proof)) == credential


@settings(max_examples=8, deadline=None)
@given(credential=CREDENTIALS, change=st.integers(1, 255))
def test_every_changed_byte_of_a_value_is_refused_or_means_something_else(
    credential: Credential, change: int
) -> None:
    value, slots = credential.encode().encode(), slots_of(credential.proof)
    for place in range(len(value)):
        changed = value[:place] + bytes([value[place] ^ change]) + value[place + 1 :]
        with suppress(InputError):
            found = Credential.decode(changed, slots)
            assert found != credential
            assert found.encode().encode() == changed


@EXAMPLES
@given(credential=CREDENTIALS, data=st.data())
def test_whatever_reads_as_a_credential_is_its_only_form(credential: Credential, data: st.DataObject) -> None:
    """Change bytes below base64url, so that most changes reach the numbers."""
    token = credential.encode().removeprefix("RLN ").encode()
    raw = bytearray(decode_base64url(token, "token"))
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=3)):
        raw[place] = data.draw(st.integers(0, 255))
    changed = f"RLN {encode_base64url(bytes(raw))}".encode()
    with suppress(InputError):
        assert Credential.decode(changed, slots_of(credential.proof)).encode().encode() == changed


@EXAMPLES
@given(value=st.binary(max_size=40) | st.binary(max_size=600).map(lambda data: b"RLN " + data))
def test_any_bytes_are_a_credential_or_an_input_error(value: bytes) -> None:
    with suppress(InputError):
        assert Credential.decode(value, 16).encode().encode() == value


@EXAMPLES
@given(data=st.binary(max_size=70))
def test_base64url_is_that_of_python(data: bytes) -> None:
    text = base64.urlsafe_b64encode(data).rstrip(b"=")
    assert encode_base64url(data).encode() == text
    assert decode_base64url(text, "text") == data


@EXAMPLES
@given(text=st.binary(max_size=9))
def test_base64url_has_one_form(text: bytes) -> None:
    with suppress(EncodingError):
        assert encode_base64url(decode_base64url(text, "text")).encode() == text


# ---- signals ---------------------------------------------------------------------------------------


@EXAMPLES
@given(path=PATHS, query=QUERIES)
def test_a_target_names_its_path_and_query(path: bytes, query: bytes) -> None:
    if b"//" in path or b"/." in path:
        with pytest.raises(EncodingError):
            request_target(path, query)
        return
    target = request_target(path, query)
    assert check_target(target) == target
    found, _, rest = target.partition(b"?")
    assert (found, rest) == (path, query)


@EXAMPLES
@given(data=st.binary(max_size=20))
def test_any_bytes_are_a_target_or_an_encoding_error(data: bytes) -> None:
    with suppress(EncodingError):
        assert check_target(data) == data
        assert data.startswith(b"/") and data.isascii() and not data.startswith(b"//")


@EXAMPLES
@given(
    host=NAMES,
    values=st.tuples(VALUES, VALUES),
    bound=st.lists(VALUES, max_size=3),
    body=st.binary(max_size=5),
    nonce=st.binary(min_size=16, max_size=16),
)
def test_a_signal_holds_all_parts(
    host: str, values: tuple[bytes, bytes], bound: list[bytes], body: bytes, nonce: bytes
) -> None:
    digest = hashlib.sha256(body).digest()
    signal = RequestParts(host.encode(), b"POST", b"/v1", *values, digest, tuple(bound)).signal(nonce)
    parts = [host.encode(), b"POST", b"/v1", *values, digest, nonce, *bound]
    assert split_joined_signal(signal) == ("rln http request", parts)


# ---- challenges and names --------------------------------------------------------------------------


@EXAMPLES
@given(
    realm=NAMES,
    policy=st.binary(min_size=32, max_size=32),
    units=st.integers(1, 16),
    error=st.sampled_from([None, *ERRORS]),
)
def test_a_challenge_is_read_back(realm: str, policy: bytes, units: int, error: str | None) -> None:
    challenge = Challenge(realm, policy, units, error)
    assert Challenge.decode(challenge.encode()) == challenge
    assert Challenge.find(["Negotiate", challenge.encode()]) == challenge


@EXAMPLES
@given(place=st.integers(0, 200), new=st.characters())
def test_every_changed_character_of_a_challenge_is_refused_or_means_something_else(
    place: int, new: str
) -> None:
    challenge = Challenge("api.example.com", bytes(range(32)), 3, "unknown-root")
    value = challenge.encode()
    place %= len(value)
    changed = value[:place] + new + value[place + 1 :]
    with suppress(InputError):
        assert Challenge.decode(changed).encode() == changed
        assert (Challenge.decode(changed) == challenge) == (changed == value)


@EXAMPLES
@given(before=st.text(max_size=6), application=NAMES)
@example(before="evil", application="a.example")
@example(before="evil.net/.", application="a.example")
def test_only_whole_labels_before_a_name_belong_to_it(before: str, application: str) -> None:
    authority = before + application
    with suppress(EncodingError):
        if belongs_to(authority, application):
            assert before == "" or before.endswith(".")
            assert check_authority(authority.encode()) == authority.encode()


@EXAMPLES
@given(body=st.binary(max_size=30))
def test_content_digest_is_a_structured_field(body: bytes) -> None:
    """The client sends this field for checkers that see no body; http_sf is another project's parser."""
    value = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    found = http_sf.parse(value.encode(), tltype="dictionary")
    assert http_sf.ser(found) == value
    assert found["sha-256"][0] == hashlib.sha256(body).digest()
