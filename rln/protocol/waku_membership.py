"""Waku membership: what an entry of a keystore holds: an identity, and where it is registered.

    {"treeIndex": …, "identityCredential": {"idCommitment": […], "idNullifier": […], "idSecretHash": […],
     "idTrapdoor": […]}, "membershipContract": {"chainId": …, "address": …}, "userMessageLimit": …}

A value of the identity is the list of its 32 bytes, little-endian; js-waku once wrote an object with the
names "0" to "31" instead, and no limit. Secret and commitment are computed again from trapdoor and nullifier.
No message repeats a value of the identity.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

from rln.base import canonical_json, scalar
from rln.base.arguments import instance, text, whole
from rln.base.bounds import MAX_DEPTH, MAX_LIMIT_BITS
from rln.errors import EncodingError, ParameterError
from rln.formats.keystore import ITERATIONS, Keystore, KeystoreEntry
from rln.protocol.hashing import poseidon_hash
from rln.protocol.identity import Identity

_MAX_PLAINTEXT: Final = 1 << 14
_NAMES: Final = ("idCommitment", "idNullifier", "idSecretHash", "idTrapdoor")
_INDICES: Final = tuple(str(i) for i in range(scalar.SIZE))
_PLAIN: Final = re.compile(r"[!#-\[\]-~]{1,128}\Z")
_HEX_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class WakuMembership:
    """An identity of a Waku network with its place in the contract. Immutable but for `identity.close()`.

    It is safe to use from several threads and after a fork. Its `repr` shows nothing of the secret, and it
    cannot be pickled, because the identity cannot.

    Args:
        identity: an extended one; nwaku and js-waku have no other.
        chain_id: of the chain, as text: "59144".
        address: of the contract, as nwaku or js-waku writes it.
        index: of the member's leaf.
        limit: the user message limit; None: the keystore does not say.

    Raises:
        ParameterError: the identity is not extended, a number is outside its range, or a text is empty, too
            long, or has spaces, quotes, backslashes or other characters than printable ASCII.
    """

    identity: Identity
    chain_id: str
    address: str
    index: int
    limit: int | None

    def __post_init__(self) -> None:
        instance(self.identity, Identity, "identity")
        for value, name in ((self.chain_id, "chain id"), (self.address, "address")):
            if not _PLAIN.match(text(value, name)):
                raise ParameterError(f"{name}: expected 1 to 128 printable ASCII characters without quotes")
        whole(self.index, "index", 0, (1 << MAX_DEPTH) - 1)
        if self.limit is not None:
            whole(self.limit, "limit", 1, 1 << MAX_LIMIT_BITS)
        try:
            self.identity.secret().reveal_extended()
        except ParameterError as error:
            raise ParameterError(
                f"identity: expected an extended one that is open, with trapdoor and nullifier ({error})"
            ) from None

    @property
    def label(self) -> str:
        """The label of its entry: SHA-256 of chain id, address and index, in upper case."""
        return _label(self.chain_id, self.address, self.index)

    @property
    def leaf(self) -> int | None:
        """The leaf that the membership tree must have at the index; None: the limit is not known."""
        return None if self.limit is None else poseidon_hash([self.identity.commitment, self.limit])

    def check_leaf(self, leaf: int) -> None:
        """Check that a leaf of the membership tree is the one of this identity and limit.

        Raises:
            ParameterError: it is not, so the limit or the member is another; or the limit is not known.
        """
        scalar.check(leaf, "leaf")
        if self.leaf is None:
            raise ParameterError("limit: expected one in the keystore, to compare with the leaf, got none")
        if self.leaf != leaf:
            raise ParameterError(
                f"leaf: expected that of the member with limit {self.limit}, got a different one: the "
                "limit or the index in the keystore is wrong, or the leaf is another member's"
            )

    @classmethod
    def unlock(cls, keystore: Keystore, password: str, label: str | None = None) -> Self:
        """Decrypt an entry of a keystore.

        The identity may have sent messages with another program. So tell the message ids about it before its
        first message here: `MessageIdAllocator.refuse_until`.

        Args:
            keystore: the content of the file.
            password: of the entry.
            label: of the entry; None: there must be one entry only.

        Raises:
            ParameterError: the password is wrong, there is no such entry, or cryptography is not installed.
            EncodingError, FieldRangeError: what was encrypted is no membership, is that of another label, or
                its values do not belong together.
        """
        instance(keystore, Keystore, "keystore")
        name, entry = keystore.entry(label)
        found = cls.decode(entry.decrypt(password))
        if name not in found._possible_labels():
            found.identity.close()
            raise EncodingError(
                "keystore: expected the membership of the entry's label, got that of a different leaf"
            )
        return found

    def lock(self, password: str, iterations: int = ITERATIONS) -> tuple[str, KeystoreEntry]:
        """Return the label and the encrypted entry for a keystore: `Keystore().with_entry(*it)`.

        Raises:
            ParameterError, EntropyError: as for `KeystoreEntry.encrypt`.
        """
        return self.label, KeystoreEntry.encrypt(self.encode(), password, iterations)

    def encode(self) -> bytes:
        """Return the membership with its secrets as nwaku and js-waku encrypt it."""
        secret = self.identity.secret()
        trapdoor, nullifier = secret.reveal_extended()
        values = (self.identity.commitment, nullifier, secret.reveal(), trapdoor)
        content: dict[str, object] = {
            "treeIndex": self.index,
            "identityCredential": {
                name: list(scalar.encode(value)) for name, value in zip(_NAMES, values, strict=True)
            },
            "membershipContract": {"chainId": self.chain_id, "address": self.address},
        }
        if self.limit is not None:
            content["userMessageLimit"] = self.limit
        return canonical_json.compact(content)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` returns, or what nwaku or js-waku has encrypted.

        Raises:
            EncodingError: another form, or the four values do not belong together.
            FieldRangeError: a value is not a field element.
            ParameterError: a value is 0, or the limit or the index is outside its range.
        """
        name = "membership"
        found = canonical_json.fields(
            canonical_json.read(data, name, _MAX_PLAINTEXT),
            name,
            ("treeIndex", "identityCredential", "membershipContract"),
            ("userMessageLimit",),
        )
        credential = canonical_json.fields(found["identityCredential"], "identityCredential", _NAMES)
        values = {field: _scalar(value, field) for field, value in credential.items()}
        contract = canonical_json.fields(found["membershipContract"], name, ("chainId", "address"))
        chain = contract["chainId"]
        limit = found.get("userMessageLimit")
        identity = Identity.from_extended(values["idTrapdoor"], values["idNullifier"])
        try:
            if Identity.from_secret(values["idSecretHash"]) != identity:
                raise EncodingError("idSecretHash: expected the hash of idTrapdoor and idNullifier")
            if values["idCommitment"] != identity.commitment:
                raise EncodingError("idCommitment: expected that of the secret, got a different one")
            return cls(
                identity,
                str(chain) if type(chain) is int else canonical_json.text(chain, "chainId"),
                canonical_json.text(contract["address"], "address"),
                canonical_json.integer(found["treeIndex"], "treeIndex", 0, (1 << MAX_DEPTH) - 1),
                None
                if limit is None
                else canonical_json.integer(limit, "userMessageLimit", 1, 1 << MAX_LIMIT_BITS),
            )
        except BaseException:
            identity.close()
            raise

    def _possible_labels(self) -> set[str]:
        """Return the labels that programs give the entry: some write the chain id in two ways."""
        chains = {self.chain_id}
        if _HEX_NUMBER.match(self.chain_id):
            chains.add(str(int(self.chain_id, 16)))
        return {_label(chain, self.address, self.index) for chain in chains}


def _label(chain_id: str, address: str, index: int) -> str:
    return hashlib.sha256(f"{chain_id}{address}{index}".encode()).hexdigest().upper()


def _scalar(value: object, name: str) -> int:
    """Return the number of 32 bytes; no message repeats one of them."""
    if isinstance(value, dict):
        value = [value.get(index) for index in _INDICES] if set(value) == set(_INDICES) else None
    if (
        not isinstance(value, list)
        or len(value) != scalar.SIZE
        or any(type(byte) is not int or not 0 <= byte < 256 for byte in value)
    ):
        raise EncodingError(f"{name}: expected an array of {scalar.SIZE} bytes")
    return scalar.decode(bytes(value), name)
