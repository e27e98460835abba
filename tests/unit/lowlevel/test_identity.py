"""Identities and shares: golden values of zerokit-spec 3.2 and 4.4, laws and refusals."""

import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rln import errors
from rln.lowlevel import entropy, hashes, identity
from rln.lowlevel._call import ffi

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617

scalars = st.one_of(
    st.sampled_from([0, 1, 2, R - 1, R - 2, (R - 1) // 2, 2**64 - 1, 2**64, 2**128, 2**253]),
    st.integers(0, R - 1),
)
nonzero = scalars.filter(bool)


def scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")


def integer(data: bytes) -> int:
    return int.from_bytes(data, "little")


EXTERNAL = scalar(0x089804A30E02D64C0E56C50D4EC27C93884199D41627367E931E3A423EA52CB3)
NULLIFIER = scalar(0x1AA541A7AA63C04B7A0318640813A54B8DC64650FEF5E307B8994E07628278CD)
SECRET = scalar(0x07984F7C054AD7793D9F31A1E9F29EAA8D05966511E546BCED89961EB8874AB9)
X1 = scalar(0x20F21731F169AB317CC024857F7AE28B4CB95ED417DD439DDBC72D432FE19B03)
Y1 = scalar(0x0881C2B96E2D93DF44BF7DEB27CA794F9C11A28F5BF44FF9766104233904AF82)
X2 = scalar(0x1BFA61D9B1CBBB3BC852EEFC9D87EF4DE4716B11BCE1FFFD584E981D7E77BA53)
Y2 = scalar(0x0101DEF5DCD120C56E39CDFB4973A5353935879C58F0F21FCDD3470B51DF636E)


def filled_with(random: bytes) -> Callable[[object], None]:
    """Stands in for entropy.fill."""

    def fill(out: object) -> None:
        ffi.memmove(out, random, len(out))  # type: ignore[arg-type]

    return fill


class TestSeeded:
    @pytest.mark.parametrize(
        ("seed", "secret", "commitment"),
        [
            (
                b"A seed phrase example",
                0x20DF38F3F00496F19FE7C6535492543B21798ED7CB91AEBE4AF8012DB884EDA3,
                0x1223A78A5D66043A7F9863E14507DC80720A5602B2A894923E5B5147D5A9C325,
            ),
            (
                bytes(range(10)),
                0x0766CE6C7E7A01BDF5B3F257616F603918C30946FA23480F2859C597817E6716,
                0x0BF16D2B5C0D6F9D9D561E05BFCA16A81B4B873BB063508FAE360D8C74CEF51F,
            ),
        ],
    )
    def test_known_simple_identities(self, seed: bytes, secret: int, commitment: int) -> None:
        handle = identity.from_seed(seed)
        assert integer(identity.secret(handle)) == secret
        assert integer(identity.commitment(handle)) == commitment

    def test_known_extended_identity_with_a_rejected_candidate(self) -> None:
        handle = identity.from_seed(bytes(range(10)), extended=True)
        trapdoor, nullifier = identity.extended(handle)[:32], identity.extended(handle)[32:]
        assert integer(trapdoor) == 0x0766CE6C7E7A01BDF5B3F257616F603918C30946FA23480F2859C597817E6716
        assert integer(nullifier) == 0x1F18714C7BC83B5BCA9E89D404CF6F2F585BC4C0F7ED8B53742B7E2B298F50B4
        secret = 0x2ACA62AAA7ABAF3686FFF2CAF00F55AB9462DC12DB5B5D4BCF3994E671F8E521
        commitment = 0x068B66AA0A8320D2E56842581553285393188714C48F9B17ACD198B4F1734C5C
        assert integer(identity.secret(handle)) == secret
        assert integer(identity.commitment(handle)) == commitment

    def test_any_length_of_seed_gives_its_own_identity(self) -> None:
        seeds = [bytes(n) for n in (0, 1, 31, 32, 33, 135, 136, 137, 1000)]
        made = [identity.from_seed(seed, extended) for seed in seeds for extended in (False, True)]
        assert len({identity.secret(handle) for handle in made}) == 2 * len(seeds)
        assert all(integer(identity.secret(handle)) < R for handle in made)

    def test_seed_must_be_bytes(self) -> None:
        with pytest.raises(errors.EncodingError, match=r"^seed: expected bytes, got str$"):
            identity.from_seed("seed")  # type: ignore[arg-type]


class TestNew:
    def test_simple_secret_is_the_wide_integer_reduced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for random in (bytes(range(64)), b"\xff" * 63 + b"\xfe", b"\1" + bytes(63), bytes(63) + b"\1"):
            monkeypatch.setattr(entropy, "fill", filled_with(random))
            handle = identity.new()
            assert integer(identity.secret(handle)) == integer(random) % R
            assert identity.commitment(handle) == hashes.poseidon([identity.secret(handle)])

    def test_extended_secret_is_the_hash_of_trapdoor_and_nullifier(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        random = os.urandom(128)
        monkeypatch.setattr(entropy, "fill", filled_with(random))
        handle = identity.new(extended=True)
        parts = [scalar(integer(random[i : i + 64]) % R) for i in (0, 64)]
        assert identity.extended(handle) == parts[0] + parts[1]
        assert identity.secret(handle) == hashes.poseidon(parts)
        assert identity.commitment(handle) == hashes.poseidon([identity.secret(handle)])

    @pytest.mark.parametrize(
        ("extended", "random"),
        [
            (False, bytes(64)),
            (False, R.to_bytes(64, "little")),
            (False, b"\5" * 64),
            (False, bytes(range(16)) * 4),
            (True, bytes(128)),
            (True, bytes(64) + b"\5" * 64),
            (True, b"\5" * 64 + bytes(64)),
            (True, b"\5" * 128),
            (True, bytes(range(64)) * 2),
        ],
        ids=[
            "zeros",
            "zero secret",
            "constant",
            "repeating",
            "zeros extended",
            "zero trapdoor",
            "zero nullifier",
            "constant extended",
            "repeated",
        ],
    )
    def test_entropy_that_is_none_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, extended: bool, random: bytes
    ) -> None:
        monkeypatch.setattr(entropy, "fill", filled_with(random))
        with pytest.raises(
            errors.EntropyError, match=r"^identity: the random source failed or repeats itself$"
        ):
            identity.new(extended)

    def test_the_random_bytes_are_wiped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []
        fill = entropy.fill
        monkeypatch.setattr(entropy, "fill", lambda out: (fill(out), seen.append(out)))
        identity.new()
        identity.new(extended=True)
        assert [bytes(ffi.buffer(out)) for out in seen] == [bytes(64), bytes(128)]

    def test_identities_differ(self) -> None:
        assert len({identity.secret(identity.new(i % 2 == 1)) for i in range(100)}) == 100


class TestFromSecret:
    @given(nonzero)
    def test_holds_the_secret(self, value: int) -> None:
        handle = identity.from_secret(scalar(value))
        assert identity.secret(handle) == scalar(value)
        assert identity.commitment(handle) == hashes.poseidon([scalar(value)])

    def test_zero_is_refused(self) -> None:
        with pytest.raises(errors.ParameterError, match=r"^secret: not allowed$"):
            identity.from_secret(bytes(32))

    @pytest.mark.parametrize("value", [R, R + 1, 2 * R, 2**256 - 1])
    def test_number_that_is_not_canonical_is_refused(self, value: int) -> None:
        with pytest.raises(errors.FieldRangeError, match=r"^secret: not a canonical number of its field$"):
            identity.from_secret(scalar(value))

    @pytest.mark.parametrize("n", [0, 31, 33, 64])
    def test_other_lengths_are_refused(self, n: int) -> None:
        with pytest.raises(errors.EncodingError, match=rf"^secret: expected 32 bytes, got {n}$"):
            identity.from_secret(bytes(n))

    def test_simple_identity_has_no_trapdoor(self) -> None:
        with pytest.raises(errors.ParameterError, match=r"^trapdoor of a simple identity: not allowed$"):
            identity.extended(identity.from_secret(scalar(5)))


class TestHandle:
    def test_equality_is_that_of_the_secret(self) -> None:
        a, b, c = (identity.from_secret(scalar(value)) for value in (5, 5, 5 + 2**248))
        assert identity.equal(a, b)
        assert identity.equal(a, a)
        assert not identity.equal(a, c)
        extended = identity.from_seed(b"seed", extended=True)
        assert identity.equal(extended, identity.from_secret(identity.secret(extended)))

    def test_closed_identity_is_refused(self) -> None:
        handle = identity.from_secret(scalar(5))
        handle.close()
        with pytest.raises(errors.ParameterError, match=r"^identity: used after it was closed$"):
            identity.commitment(handle)

    def test_repr_shows_nothing(self) -> None:
        assert repr(identity.from_secret(scalar(5))) == "<identity>"

    def test_secret_survives_a_fork(self) -> None:
        handle = identity.from_secret(scalar(5))
        child = os.fork()
        if child == 0:
            os._exit(0 if identity.secret(handle) == scalar(5) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class TestShare:
    @pytest.mark.parametrize(("x", "y"), [(X1, Y1), (X2, Y2)])
    def test_known_shares(self, x: bytes, y: bytes) -> None:
        handle = identity.from_secret(SECRET)
        assert identity.share(handle, x, EXTERNAL, scalar(1)) == (y, NULLIFIER)

    @given(nonzero, nonzero, scalars, scalars)
    def test_share_is_on_the_line(self, secret: int, x: int, external: int, message_id: int) -> None:
        handle = identity.from_secret(scalar(secret))
        slope = hashes.poseidon([scalar(secret), scalar(external), scalar(message_id)])
        y, nullifier = identity.share(handle, scalar(x), scalar(external), scalar(message_id))
        assert integer(y) == (secret + integer(slope) * x) % R
        assert nullifier == hashes.poseidon([slope])

    def test_zero_x_is_refused_for_it_would_be_the_secret(self) -> None:
        with pytest.raises(errors.ParameterError, match=r"^x: not allowed$"):
            identity.share(identity.from_secret(SECRET), bytes(32), EXTERNAL, scalar(1))

    @pytest.mark.parametrize("name", ["x", "external_nullifier", "message_id"])
    def test_each_argument_is_checked(self, name: str) -> None:
        handle = identity.from_secret(SECRET)
        good = {"x": X1, "external_nullifier": EXTERNAL, "message_id": scalar(1)}
        with pytest.raises(errors.FieldRangeError, match=rf"^{name}: not a canonical number of its field$"):
            identity.share(handle, **{**good, name: scalar(R)})
        with pytest.raises(errors.EncodingError, match=rf"^{name}: expected 32 bytes, got 33$"):
            identity.share(handle, **{**good, name: bytes(33)})


class TestRecover:
    def test_known_shares_give_the_secret(self) -> None:
        for first, second in ((X1 + Y1, X2 + Y2), (X2 + Y2, X1 + Y1)):
            assert identity.secret(identity.recover(NULLIFIER, first, second)) == SECRET

    @given(nonzero, nonzero, nonzero, scalars, scalars)
    def test_two_shares_give_the_secret(
        self, secret: int, x1: int, x2: int, external: int, message_id: int
    ) -> None:
        handle = identity.from_secret(scalar(secret))
        y1, nullifier = identity.share(handle, scalar(x1), scalar(external), scalar(message_id))
        y2, same = identity.share(handle, scalar(x2), scalar(external), scalar(message_id))
        assert same == nullifier
        first, second = scalar(x1) + y1, scalar(x2) + y2
        if x1 == x2:
            with pytest.raises(errors.RecoveryError, match=r"^x: the shares do not determine a secret$"):
                identity.recover(nullifier, first, second)
        else:
            assert identity.equal(identity.recover(nullifier, first, second), handle)

    @given(nonzero, nonzero, nonzero)
    def test_shares_of_two_honest_members_are_refused(self, a: int, b: int, x: int) -> None:
        if a == b:
            return
        shares = []
        for secret, at in ((a, x), (b, x % (R - 1) + 1)):
            y, nullifier = identity.share(
                identity.from_secret(scalar(secret)), scalar(at), EXTERNAL, scalar(1)
            )
            shares.append((scalar(at) + y, nullifier))
        for _, nullifier in shares:
            with pytest.raises(errors.RecoveryError, match=r"^nullifier: the shares do not"):
                identity.recover(nullifier, shares[0][0], shares[1][0])

    def test_same_x_with_another_y_is_refused(self) -> None:
        with pytest.raises(errors.RecoveryError, match=r"^x: the shares do not determine a secret$"):
            identity.recover(NULLIFIER, X1 + Y1, X1 + Y2)

    def test_zero_secret_is_recovered_so_that_nobody_escapes_with_it(self) -> None:
        slope = hashes.poseidon([bytes(32), EXTERNAL, scalar(1)])
        shares = [scalar(x) + scalar(integer(slope) * x % R) for x in (3, 4)]
        recovered = identity.recover(hashes.poseidon([slope]), *shares)
        assert identity.secret(recovered) == bytes(32)
        assert identity.commitment(recovered) == hashes.poseidon([bytes(32)])

    @pytest.mark.parametrize(
        ("nullifier", "first", "second", "kind", "message"),
        [
            (bytes(31), X1 + Y1, X2 + Y2, errors.EncodingError, r"^nullifier: expected 32 bytes, got 31$"),
            (NULLIFIER, X1, X2 + Y2, errors.EncodingError, r"^first: expected 64 bytes, got 32$"),
            (NULLIFIER, X1 + Y1, b"", errors.EncodingError, r"^second: expected 64 bytes, got 0$"),
            (scalar(R), X1 + Y1, X2 + Y2, errors.FieldRangeError, r"^nullifier: not a canonical number"),
            (NULLIFIER, scalar(R) + Y1, X2 + Y2, errors.FieldRangeError, r"^first\[0\]: not a canonical"),
            (NULLIFIER, X1 + Y1, X2 + scalar(R), errors.FieldRangeError, r"^second\[1\]: not a canonical"),
        ],
    )
    def test_malformed_arguments_are_refused(
        self, nullifier: bytes, first: bytes, second: bytes, kind: type[errors.RlnError], message: str
    ) -> None:
        with pytest.raises(kind, match=message):
            identity.recover(nullifier, first, second)
