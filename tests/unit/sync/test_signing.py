"""Signed bulletins: a mirror refuses one with a changed bit, of another signer, or of another group."""

import os
import stat
from dataclasses import replace

import pytest

from rln.errors import EncodingError, GroupRefused, InputError, ParameterError
from rln.sync import signing as sync
from rln.sync.mirror import Mirror
from rln.sync.signing import RegistrarKey, check_public_key, check_statement, open_bulletin
from tests.support.registrar import Registrar
from tests.support.small_world import DEPTH, LIMIT_BITS


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return RegistrarKey.new(tmp_path_factory.mktemp("key") / "registrar.pem")


def test_two_bulletins_lead_a_mirror_on(key):
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS, min_members=1)
    signed = [key.sign(registrar.change([11, 12])), key.sign(registrar.change([13], [0]))]
    for data in signed:
        mirror.apply(open_bulletin(data, key.public_key))
    assert (mirror.step, mirror.root, len(mirror)) == (2, registrar.tree.root, 2)
    with pytest.raises(GroupRefused, match="ends at step 1, and the mirror is already at"):
        mirror.apply(open_bulletin(signed[0], key.public_key))
    late = Mirror(DEPTH, LIMIT_BITS)
    with pytest.raises(GroupRefused, match="expected one that continues from step 0, got one from 1"):
        late.apply(open_bulletin(signed[1], key.public_key))
    assert (late.step, len(late)) == (0, 0)


def test_every_changed_byte_is_refused(key):
    registrar = Registrar()
    registrar.change([11, 12])
    data = key.sign(registrar.change([13], [0]))
    for place in range(len(data)):
        for bit in (1, 128):
            changed = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            with pytest.raises(GroupRefused, match="not signed by the key that was pinned"):
                open_bulletin(changed, key.public_key)
    for length in range(len(data)):
        with pytest.raises((GroupRefused, EncodingError)):
            open_bulletin(data[:length], key.public_key)
    with pytest.raises(GroupRefused, match="not signed"):
        open_bulletin(data + b"\0", key.public_key)


def test_another_key_is_not_the_pinned_one(key, tmp_path):
    other = RegistrarKey.new(tmp_path / "other.pem")
    with pytest.raises(GroupRefused, match="not signed by the key that was pinned"):
        open_bulletin(other.sign(Registrar().change([11])), key.public_key)


def test_signed_nonsense_is_still_nonsense(key):
    """What the registrar signs by mistake, or by malice, is read as strictly as anything else."""
    content = Registrar().change([11]).encode()
    for wrong in (content[:-1], content + b"\0", b"", b"x" * 500):
        with pytest.raises(EncodingError, match="bulletin: expected"):
            open_bulletin(wrong + key._key.sign(wrong), key.public_key)


def test_a_statement_is_checked(key):
    signature = key.sign_statement("rln policy", b"content")
    assert len(signature) == 64
    check_statement("rln policy", b"content", signature, key.public_key)
    assert key.sign_statement("rln policy", b"content") == signature


def test_a_signature_for_one_label_fits_no_other(key):
    signature = key.sign_statement("rln policy", b"prices\ncontent")
    for label, content in (
        ("rln prices", b"prices\ncontent"),
        ("rln policyx", b"prices\ncontent"),
        ("rln polic", b"y\nprices\ncontent"),
        ("rln policy", b"prices\ncontent\n"),
        ("rln policy", b""),
        ("rln policy prices", b"content"),
    ):
        with pytest.raises(GroupRefused, match=f"^{label}: not signed by the key that was pinned"):
            check_statement(label, content, signature, key.public_key)


def test_a_statement_is_no_bulletin_and_a_bulletin_no_statement(key):
    """What is signed tells them apart: a bulletin begins with rln-bul, a statement with rln and a space."""
    bulletin = Registrar().change([11])
    content = bulletin.encode()
    assert content.startswith(b"rln-bul\n")
    statement = key.sign_statement("rln bulletin", content)
    with pytest.raises(GroupRefused):
        open_bulletin(content + statement, key.public_key)
    signed = b"rln policy\n" + content
    assert key._key.sign(signed) == key.sign_statement("rln policy", content)
    with pytest.raises(EncodingError):
        open_bulletin(signed + key.sign_statement("rln policy", content), key.public_key)
    signature = key.sign(bulletin)[-64:]
    for label, part in (("rln bul", content[8:]), ("rln policy", content), ("rln bulletin", content)):
        with pytest.raises(GroupRefused):
            check_statement(label, part, signature, key.public_key)


def test_every_changed_bit_of_a_signature_is_refused(key):
    signature = key.sign_statement("rln policy", b"content")
    for place in range(64):
        for bit in range(8):
            changed = signature[:place] + bytes([signature[place] ^ 1 << bit]) + signature[place + 1 :]
            with pytest.raises(GroupRefused):
                check_statement("rln policy", b"content", changed, key.public_key)
    # s + the order of the group is the same s for a lenient reader, and another signature
    order = 2**252 + 27742317777372353535851937790883648493
    s = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(GroupRefused):
        check_statement("rln policy", b"content", signature[:32] + s, key.public_key)
    for wrong in (signature[:63], signature + b"\0", bytearray(signature), signature.hex()):
        with pytest.raises(EncodingError, match="signature: expected"):
            check_statement("rln policy", b"content", wrong, key.public_key)


@pytest.mark.parametrize(
    "label",
    [
        "",
        "rln",
        "rln ",
        "policy",
        "RLN policy",
        "rln policy\n",
        "rln-bul",
        "rln\tpolicy",
        "rln pölicy",
        b"rln a",
        None,
        "rln " + "a" * 31,
        pytest.param(10**5000, id="huge"),
        "rln ｐolicy",
        "rln a\n",
        "rln a1",
    ],
)
def test_labels_have_one_form(key, label):
    for use in (
        lambda: key.sign_statement(label, b"content"),
        lambda: check_statement(label, b"content", bytes(64), key.public_key),
    ):
        with pytest.raises(ParameterError, match="^label: expected rln, a space"):
            use()


def test_statements_are_bytes(key):
    for content in ("content", bytearray(b"content"), None):
        with pytest.raises(EncodingError, match="^rln policy: expected bytes"):
            key.sign_statement("rln policy", content)


def test_p1_a_root_of_ones_own_is_refused(key):
    """Threats P1: the registrar shows one member a different group, with a correct signature."""
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS, min_members=1)
    mirror.apply(open_bulletin(key.sign(registrar.change([11, 12])), key.public_key))
    honest = registrar.change([13])
    apart = Registrar()
    apart.change([11, 99])
    step, root = mirror.step, mirror.root
    # a root that nothing leads to; a group that was another all along
    for bulletin, words in (
        (replace(honest, root=apart.tree.root), "do not lead to the root"),
        (apart.change([13]), "different groups to different people"),
    ):
        with pytest.raises(GroupRefused, match=words):
            mirror.apply(open_bulletin(key.sign(bulletin), key.public_key))
        assert (mirror.step, mirror.root) == (step, root)


def test_p1_a_group_of_few_gives_no_path(key):
    registrar, mirror = Registrar(), Mirror(DEPTH, LIMIT_BITS)
    mirror.apply(open_bulletin(key.sign(registrar.change([11, 12])), key.public_key))
    with pytest.raises(GroupRefused, match="expected at least 32 members to hide among, got 2"):
        mirror.proof(0)


def test_the_key_file_is_private(tmp_path):
    path = tmp_path / "registrar.pem"
    made = RegistrarKey.new(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert RegistrarKey.load(path).public_key == made.public_key
    assert repr(made) == f"RegistrarKey(public {made.public_key.hex()})"
    with pytest.raises(TypeError, match="cannot be copied"):
        made.__reduce__()
    with pytest.raises(FileExistsError):
        RegistrarKey.new(path)
    path.chmod(0o640)
    with pytest.raises(ParameterError, match="expected mode 0600, got 0640"):
        RegistrarKey.load(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected an Ed25519 key in PEM"),
        (b"\0" * 32, "expected an Ed25519 key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "expected an Ed25519 key in PEM"),
        (b"x" * (1 << 20), "expected an Ed25519 key in PEM"),
        (None, "expected an Ed25519 key, got .*X25519PrivateKey"),
    ],
)
def test_files_that_hold_no_such_key(tmp_path, content, words):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import x25519

    if content is None:
        content = x25519.X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(EncodingError, match=words):
        RegistrarKey.load(path)


def test_a_full_disk_leaves_no_half_of_a_key(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        RegistrarKey.new(tmp_path / "registrar.pem")
    assert list(tmp_path.iterdir()) == []


ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"


@pytest.mark.parametrize(
    "public",
    [
        bytes(32),
        (1).to_bytes(32, "little"),
        (2**255 - 20).to_bytes(32, "little"),
        (2**255 - 19).to_bytes(32, "little"),
        (2**255 - 18).to_bytes(32, "little"),
        bytes(31) + b"\x80",
        bytes.fromhex(ORDER_8),
        bytes.fromhex(ORDER_8[:62] + "85"),
    ],
)
def test_keys_for_which_everybody_can_sign_are_not_pinned(public, key):
    data = key.sign(Registrar().change([11]))
    with pytest.raises(ParameterError, match="expected a point of large order"):
        open_bulletin(data, public)


def test_other_public_keys(key):
    data = key.sign(Registrar().change([11]))
    assert check_public_key(key.public_key) == key.public_key
    for public in (key.public_key[:31], key.public_key.hex(), b""):
        with pytest.raises(InputError, match="public key: expected"):
            open_bulletin(data, public)
    with pytest.raises((GroupRefused, InputError)):
        open_bulletin(data, (2).to_bytes(32, "little"))  # not on the curve


def test_without_cryptography_the_extra_is_named(monkeypatch, tmp_path):
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for use in (
        lambda: RegistrarKey.new(tmp_path / "key.pem"),
        lambda: RegistrarKey.load(tmp_path / "key.pem"),
        lambda: sync.open_bulletin(b"x" * 200, b"x" * 32),
        lambda: sync.check_statement("rln policy", b"", bytes(64), b"x" * 32),
    ):
        with pytest.raises(ParameterError, match=r"install 'rln\[sync\]"):
            use()
    assert list(tmp_path.iterdir()) == []
