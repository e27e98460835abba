"""Policies: what they may say, how they are signed, and which one may take another's place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import http_sf
import pytest

import rln
from rln.base import canonical_json
from rln.errors import EncodingError, GroupRefused, InputError, ParameterError
from rln.http.policy import (
    MAX_POLICY_BYTES,
    WELL_KNOWN,
    Policy,
    Tier,
    belongs_to,
    check_url,
    host_of,
    open_policy,
)
from rln.sync.signing import RegistrarKey
from tests.architecture.tree import ROOT
from tests.support.small_world import PERIOD, small_key

APPLICATION = "api.example.com"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> RegistrarKey:
    return RegistrarKey.new(tmp_path_factory.mktemp("key") / "registrar.pem")


@pytest.fixture(scope="module")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> RegistrarKey:
    return RegistrarKey.new(tmp_path_factory.mktemp("other") / "registrar.pem")


def params(key: RegistrarKey, application: str = APPLICATION, **more: Any) -> rln.Params:
    values = {"window_seconds": 60, "registrar_key": key.public_key, "signal_format": "joined", **more}
    return rln.Params.of(small_key(), application, PERIOD, **values)


@pytest.fixture(scope="module")
def policy(key: RegistrarKey) -> Policy:
    return Policy(
        version=3,
        params=params(key),
        authorities=(APPLICATION, f"eu.{APPLICATION}:8443"),
        tiers=(Tier("basic", 2), Tier("pro", 16), Tier("plus", 2)),
        bound_fields=("openai-organization",),
        registration=f"https://{APPLICATION}/rln/registration",
        bulletins="https://static.example.net/bulletins/",
        proving_key="https://static.example.net/provider.rlnkey",
    )


# ---- the document ----------------------------------------------------------------------------------


def test_a_policy_is_read_back(policy: Policy, key: RegistrarKey) -> None:
    data = policy.sign(key)
    for pinned in (key.public_key, None):
        assert open_policy(data, pinned) == policy
    assert open_policy(data).encode() == policy.encode()
    assert open_policy(data).digest == policy.digest
    assert len(policy.digest) == 32


def test_the_document_is_canonical_and_holds_the_parameters(policy: Policy, key: RegistrarKey) -> None:
    document = json.loads(policy.sign(key))
    assert list(document) == ["policy", "signature"]
    assert canonical_json.write(document["policy"]) == policy.encode()
    assert canonical_json.write(document["policy"]["params"]) == policy.params.encode()
    assert document["policy"]["tiers"][1] == {"limit": 16, "name": "pro"}


def test_the_page_has_every_name(policy: Policy, key: RegistrarKey) -> None:
    """The table of docs/http.md names what a policy holds, and nothing else."""
    section = (ROOT / "docs" / "http.md").read_text().partition("\n## Policy")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)) == set(json.loads(policy.encode()))


def test_the_example_of_the_page_is_a_signed_policy() -> None:
    section = (ROOT / "docs" / "http.md").read_text().partition("\n## Policy")[2]
    document = json.loads(section.partition("```json\n")[2].partition("```")[0])
    found = open_policy(canonical_json.write(document))
    assert (found.version, found.application) == (3, "api.example.com")
    document["policy"]["version"] = 4
    with pytest.raises(GroupRefused):
        open_policy(canonical_json.write(document))


def test_the_smallest_policy(key: RegistrarKey) -> None:
    small = Policy(1, params(key), (APPLICATION,), (Tier("a", 1),))
    assert open_policy(small.sign(key), key.public_key) == small
    assert (small.bound_fields, small.registration, small.bulletins, small.proving_key) == (
        (),
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("refresh", "allowed"), [(1, True), (30, True), (0, False), (31, False), (True, False)]
)
def test_members_look_at_least_twice_while_a_root_is_acceptable(
    key: RegistrarKey, refresh: int, allowed: bool
) -> None:
    made = params(key, window_count=None, window_seconds=60)
    if allowed:
        policy = Policy(1, made, (APPLICATION,), (Tier("a", 1),), refresh=refresh)
        assert open_policy(policy.sign(key)).refresh == refresh
        return
    with pytest.raises(ParameterError, match="refresh: expected "):
        Policy(1, made, (APPLICATION,), (Tier("a", 1),), refresh=refresh)


def test_the_largest_policy_can_be_read(key: RegistrarKey) -> None:
    application = ".".join(["a" * 63] * 3 + ["b" * 50])
    longest = "https://" + application + "/" + "c" * 998 + "/"
    large = Policy(
        version=(1 << 53) - 1,
        params=params(key, application, window_count=1 << 20),
        authorities=tuple(f"{number:08}.{application}:65535" for number in range(32)),
        tiers=tuple(Tier(f"{number:032}", 16) for number in range(32)),
        bound_fields=tuple(f"{number:064}" for number in range(32)),
        registration=longest,
        bulletins=longest,
        proving_key=longest,
    )
    data = large.sign(key)
    assert open_policy(data, key.public_key) == large
    assert len(data) < MAX_POLICY_BYTES / 2


def test_every_changed_byte_is_refused(policy: Policy, key: RegistrarKey) -> None:
    data = policy.sign(key)
    for place in range(len(data)):
        for bit in (1, 4, 32, 128):
            changed = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            with pytest.raises((InputError, GroupRefused)):
                open_policy(changed, key.public_key)
    for length in range(0, len(data), 7):
        with pytest.raises(EncodingError):
            open_policy(data[:length], key.public_key)
    with pytest.raises(EncodingError):
        open_policy(data + b"\n", key.public_key)


def test_another_key_is_not_the_pinned_one(
    policy: Policy, key: RegistrarKey, other_key: RegistrarKey
) -> None:
    with pytest.raises(GroupRefused, match="not signed by the key that was pinned"):
        open_policy(policy.sign(key), other_key.public_key)
    with pytest.raises(ParameterError, match="^key: expected .* as the parameters say"):
        policy.sign(other_key)


def signed_by(key: RegistrarKey, content: object) -> bytes:
    """Sign any content, as a dishonest or careless registrar could."""
    signature = key.sign_statement("rln policy", canonical_json.write(content))
    return canonical_json.write({"policy": content, "signature": signature.hex()})


def test_a_policy_that_hands_over_to_another_key_is_refused(
    policy: Policy, key: RegistrarKey, other_key: RegistrarKey
) -> None:
    """The pinned key signs a policy that names another key: nothing of it may be used."""
    content = json.loads(policy.encode())
    content["params"]["registrar_key"] = other_key.public_key.hex()
    with pytest.raises(ParameterError, match="names another registrar key"):
        open_policy(signed_by(key, content), key.public_key)
    with pytest.raises(GroupRefused):
        open_policy(signed_by(key, content))


def test_a_bulletin_and_a_policy_never_share_a_signature(policy: Policy, key: RegistrarKey) -> None:
    signature = key.sign_statement("rln prices", policy.encode())
    data = canonical_json.write({"policy": json.loads(policy.encode()), "signature": signature.hex()})
    with pytest.raises(GroupRefused):
        open_policy(data, key.public_key)


def _set(*path: str | int) -> Callable[[dict[str, Any], object], None]:
    def change(content: dict[str, Any], value: object) -> None:
        place: Any = content
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("form",), 1),
        (("form",), True),
        (("form",), "2"),
        (("form",), None),
        (("version",), 0),
        (("version",), True),
        (("version",), 1 << 53),
        (("version",), "3"),
        (("params",), None),
        (("params",), []),
        (("params",), "text"),
        (("params",), {}),
        (("params",), {"authorities": [], "signature": ""}),
        (("params", "form"), 1),
        (("params", "form"), True),
        (("params", "more"), {"a": 1}),
        (("params", "period"), True),
        (("params", "application"), "Example.com"),
        (("params", "application"), "other.example"),
        (("params", "registrar_key"), None),
        (("params", "registrar_key"), "0" * 64),
        (("params", "signal_format"), "bytes"),
        (("params", "limit_bits"), 3),
        (("authorities",), []),
        (("authorities",), "api.example.com"),
        (("authorities",), {"api.example.com": 1}),
        (("authorities",), ["api.example.com", "api.example.com"]),
        (("authorities",), ["api.example.com", 5]),
        (("authorities",), ["evilapi.example.com"]),
        (("authorities",), ["API.example.com"]),
        (("authorities",), ["example.com"]),
        (("authorities",), [f"a{number}.api.example.com" for number in range(33)]),
        (("bound_fields",), ["host"]),
        (("bound_fields",), ["OpenAI-Organization"]),
        (("bound_fields",), ["a b"]),
        (("bound_fields",), ["a", "a"]),
        (("bound_fields",), None),
        (("tiers",), []),
        (("tiers",), [{"name": "a", "limit": 1}, {"name": "a", "limit": 2}]),
        (("tiers",), [{"name": "a", "limit": 17}]),
        (("tiers",), [{"name": "a", "limit": 0}]),
        (("tiers",), [{"name": "a", "limit": True}]),
        (("tiers",), [{"name": "a", "limit": 1, "price": 5}]),
        (("tiers",), [{"name": "A", "limit": 1}]),
        (("tiers",), [["a", 1]]),
        (("registration",), "http://api.example.com/rln/registration"),
        (("registration",), ""),
        (("bulletins",), "https://api.example.com/bulletins"),
        (("proving_key",), 5),
        (("prices",), "http://api.example.com/rln/prices"),
        (("prices",), ""),
        (("prices",), "http://127.0.0.1/rln/prices"),
        (("more",), None),
    ],
)
def test_what_the_registrar_signs_is_read_strictly(
    policy: Policy, key: RegistrarKey, path: tuple[str, ...], value: object
) -> None:
    content = json.loads(policy.encode())
    _set(*path)(content, value)
    with pytest.raises(InputError):
        open_policy(signed_by(key, content), key.public_key)


def test_whatever_opens_has_one_form(policy: Policy, key: RegistrarKey) -> None:
    """A signed value that reads as another one would give two documents of one policy, with two digests."""
    values: list[object] = [True, False, None, 0, 1, 2, 3, 20, 60, 1.0, "", "1", [], {}, ["a"], [1], {"a": 1}]
    plain = json.loads(policy.encode())
    places = [(name,) for name in plain] + [("params", name) for name in plain["params"]]
    opened = 0
    for place in places:
        for value in values:
            content = json.loads(policy.encode())
            _set(*place)(content, value)
            with suppress(InputError, GroupRefused):
                assert open_policy(signed_by(key, content), key.public_key).encode() == canonical_json.write(
                    content
                )
                opened += 1
    assert opened > 10


@pytest.mark.parametrize("name", ["form", "version", "params", "tiers", "bulletins", "bound_fields"])
def test_no_name_may_be_missing(policy: Policy, key: RegistrarKey, name: str) -> None:
    content = json.loads(policy.encode())
    del content[name]
    with pytest.raises(EncodingError, match=f"{name} is missing"):
        open_policy(signed_by(key, content), key.public_key)


def test_other_bytes_of_the_same_document_are_refused(policy: Policy, key: RegistrarKey) -> None:
    document = json.loads(policy.sign(key))
    pretty = json.dumps(document, indent=1).encode()
    escaped = policy.sign(key).replace(b"basic", b"b\\u0061sic")
    upper = canonical_json.write({**document, "signature": document["signature"].upper()})
    reordered = json.dumps({name: document[name] for name in ("signature", "policy")}, separators=(",", ":"))
    more = canonical_json.write({**document, "more": 1})
    unicode = policy.sign(key).replace(b"basic", "bäsic".encode())
    for data in (
        pretty,
        escaped,
        upper,
        reordered.encode(),
        more,
        unicode,
        b"\xef\xbb\xbf" + policy.sign(key),
    ):
        with pytest.raises(EncodingError):
            open_policy(data, key.public_key)


def test_files_of_another_kind_are_called_by_their_name(policy: Policy, key: RegistrarKey) -> None:
    with pytest.raises(EncodingError, match="policy: expected a signed policy, got the parameters"):
        open_policy(policy.params.encode(), key.public_key)
    with pytest.raises(EncodingError, match="parameters: expected the parameters .*, got a signed policy"):
        rln.Params.decode(policy.sign(key))
    with pytest.raises(EncodingError, match=f"policy: expected at most {MAX_POLICY_BYTES} bytes"):
        open_policy(b"{" * (MAX_POLICY_BYTES + 1), key.public_key)
    with pytest.raises(EncodingError, match="levels of nesting"):
        open_policy(b'{"authorities":' + b"[" * 60_000, key.public_key)


# ---- the values ------------------------------------------------------------------------------------


def test_a_policy_needs_a_key_for_which_not_everybody_can_sign(policy: Policy) -> None:
    with pytest.raises(ParameterError, match="expected a registrar key"):
        replace(policy, params=replace(policy.params, registrar_key=None))
    with pytest.raises(ParameterError, match="point of large order"):
        replace(policy, params=replace(policy.params, registrar_key="0" * 64))


def test_members_never_sign_bytes_that_could_be_a_request(policy: Policy) -> None:
    with pytest.raises(ParameterError, match="signal_format: expected joined, got bytes"):
        replace(policy, params=replace(policy.params, signal_format="bytes"))


@pytest.mark.parametrize("name", ["authorities", "tiers", "bound_fields"])
def test_lists_are_tuples(policy: Policy, name: str) -> None:
    for value in (None, list(getattr(policy, name)), "text", set()):
        with pytest.raises(ParameterError, match=f"^{name}: expected a tuple"):
            replace(policy, **{name: value})


def test_tiers_are_found_by_their_name(policy: Policy) -> None:
    assert policy.tier("pro") == Tier("pro", 16)
    with pytest.raises(ParameterError, match="tier: expected one of basic, pro, plus, got 'free'"):
        policy.tier("free")


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a\n", "é", "٣", "a" * 33])
def test_names_of_tiers(name: str) -> None:
    with pytest.raises(EncodingError, match="^tier: expected 1 to 32 of a to z"):
        Tier(name, 1)


def test_rate_limit_policy_is_a_structured_field(policy: Policy) -> None:
    """http_sf is another project's parser of RFC 9651."""
    value = policy.rate_limit_policy
    assert value == '"rln-2";q=2;w=60;qu="rln-units", "rln-16";q=16;w=60;qu="rln-units"'
    found = http_sf.parse(value.encode(), tltype="list")
    assert [(name, dict(parameters)) for name, parameters in found] == [
        ("rln-2", {"q": 2, "w": 60, "qu": "rln-units"}),
        ("rln-16", {"q": 16, "w": 60, "qu": "rln-units"}),
    ]
    assert http_sf.ser(found) == value


def test_the_policy_is_at_a_path_that_needs_no_credential() -> None:
    from rln.http.target import request_target

    with pytest.raises(EncodingError):
        request_target(WELL_KNOWN.encode())


# ---- the next version ------------------------------------------------------------------------------


def test_a_higher_version_may_take_its_place(policy: Policy, key: RegistrarKey) -> None:
    policy.check_next(policy)
    policy.check_next(replace(policy, version=4, tiers=(Tier("one", 1),)))
    policy.check_next(replace(policy, version=1 << 40, params=params(key, window_count=5)))


def test_an_older_version_may_not(policy: Policy) -> None:
    with pytest.raises(GroupRefused, match="expected version 3 or higher, got 2"):
        policy.check_next(replace(policy, version=2))


def test_two_policies_of_one_version_are_evidence(policy: Policy) -> None:
    with pytest.raises(GroupRefused, match="two policies have version 3"):
        policy.check_next(replace(policy, tiers=(Tier("one", 1),)))


def test_the_pinned_application_and_key_stay(
    policy: Policy, key: RegistrarKey, other_key: RegistrarKey
) -> None:
    name = f"eu.{APPLICATION}"
    other = replace(policy, version=4, params=params(key, name), authorities=(name,))
    with pytest.raises(GroupRefused, match="another application"):
        policy.check_next(other)
    with pytest.raises(GroupRefused, match="another registrar key"):
        policy.check_next(replace(policy, version=4, params=params(other_key)))


# ---- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authority", "application"),
    [
        ("example.com", "example.com"),
        ("example.com:8443", "example.com"),
        ("api.example.com", "example.com"),
        ("a.b.example.com:1", "example.com"),
        ("api.localhost:8000", "api.localhost"),
        ("v1.api.localhost", "api.localhost"),
        ("localhost", "api.localhost"),
        ("localhost:80", "api.localhost"),
        ("127.0.0.1:8000", "api.localhost"),
        ("[::1]:8000", "api.localhost"),
    ],
)
def test_an_identity_is_used_at_its_application_and_below(authority: str, application: str) -> None:
    assert belongs_to(authority, application)


@pytest.mark.parametrize(
    ("authority", "application"),
    [
        ("evilexample.com", "example.com"),
        ("evil-example.com", "example.com"),
        ("example.com.evil.net", "example.com"),
        ("example.co", "example.com"),
        ("com", "example.com"),
        ("xample.com", "example.com"),
        ("localhost", "example.com"),
        ("127.0.0.1", "example.com"),
        ("[::1]", "example.com"),
        ("localhost", "notlocalhost.example"),
        ("127.0.0.1", "evil.notlocalhost"),
        ("127.0.0.2", "api.localhost"),
        ("other.localhost", "api.localhost"),
        ("10.0.0.1", "api.localhost"),
    ],
)
def test_an_identity_is_used_nowhere_else(authority: str, application: str) -> None:
    assert not belongs_to(authority, application)


@pytest.mark.parametrize(
    "authority",
    [
        "evil.net/.example.com",
        "evil.net#.example.com",
        "evil.net?.example.com",
        "evil.net\\.example.com",
        "evil.net@api.example.com",
        "evil.net:80.example.com",
        "api.example.com.",
        "API.example.com",
        "",
        "https://example.com",
        "api.example.com:0",
        "api.example.com:99999",
        "[::1].example.com",
        "[::1",
        "::1",
        "evil.net\n.example.com",
        "evil.net .example.com",
        "ａpi.example.com",
        "api。example.com",
        "�.example.com",
    ],
)
def test_what_is_no_authority_belongs_to_nobody(authority: str) -> None:
    for function in (host_of, lambda authority: belongs_to(authority, "example.com")):
        with pytest.raises(EncodingError, match="^authority: expected a host"):
            function(authority)


@pytest.mark.parametrize(
    "application", ["", ".", "com", "localhost", ".localhost", "Example.com", "example.com."]
)
def test_what_is_no_application_has_no_authorities(application: str) -> None:
    with pytest.raises(ParameterError, match="^application: expected a domain name"):
        belongs_to("api.example.com", application)


def test_hosts() -> None:
    assert [host_of(one) for one in ("a.example:80", "a.example", "[::1]:80", "[::1]")] == [
        "a.example",
        "a.example",
        "::1",
        "::1",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example/",
        "https://a.example:8443/b/c.d",
        "http://localhost:80/x",
        "http://127.0.0.1:8000/rln/registration",
        "http://[::1]/",
    ],
)
def test_urls(url: str) -> None:
    assert check_url(url, "url") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///x",
        "//a.example/",
        "a.example",
        "ftp://a.example/",
        "HTTPS://a.example/",
        "http://a.example/",
        "http://localhost.evil.net/",
        "http://127.0.0.1.evil.net/",
        "http://localhost@evil.net/",
        "https://me@a.example/",
        "https://A.example/",
        "https://a.example/?x",
        "https://a.example/#x",
        "https://a.example/%2e",
        "https://a.example/../x",
        "https://a.example//x",
        "https://a.example/a\\b",
        "https://a.example\\@b.example/",
        "https://[::1",
        "https://[x]/",
        "https://a.example:0/",
        "https://a.example:/",
        "https://a.example/ ",
        "https://a.example/\n",
        " https://a.example/",
        "https://ä.example/",
        "https://a.example/ä",
        "https://a.example/" + "b" * 1000,
        "https://" + "a." * 500000 + "b/",
        "file:///etc/passwd",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ParameterError, match="^url: expected an absolute URL with https"):
        check_url(url, "url")


def test_a_policy_in_a_file(policy: Policy, key: RegistrarKey, tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_bytes(policy.sign(key))
    assert open_policy((tmp_path / "policy.json").read_bytes()) == policy
