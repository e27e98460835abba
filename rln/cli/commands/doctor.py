"""`rln doctor`: the engine in use, the versions, and a self-test against known answers."""

from __future__ import annotations

import platform
from typing import Final

from rln.base.version import __version__
from rln.cli.digests import key_digests
from rln.cli.report import FAILED, AsJson, Report, run
from rln.errors import RlnError
from rln.keys.verifying_key import PACKAGED, VerifyingKey
from rln.lowlevel import engine, threads
from rln.protocol.hashing import hash_to_field, poseidon_hash
from rln.protocol.identity import Identity

# Source: vacp2p/zerokit, rln/tests/public.rs: a proof that snarkjs made under the depth-20 ceremony key.
_PROOF: Final = bytes.fromhex(
    "d5f1f8b1bcd36e338320cc5487635d6b3adff1f3636123540f1dc1bf8b3c5781"
    "42dd2a979cc6de34f91ffeffd95eee064a2064f9d1a817a0240ee9fa8318ea27"
    "3d0ebda0654da7e9cd3a582b51431409c15d5a2c56fd0c7c332c4bb6623fce98"
    "40e72acb43992be47c5f9758f7f72c45402be41bb0a4d627cd9a002cd99f22a7"
)
_PUBLIC: Final = (
    16401008481486069296141645075505218976370369489687327284155463920202585288271,
    8502402278351299594663821509741133196466235670407051417832304486953898514733,
    9102791780887227194595604713537772536258726662792598131262022534710887343694,
    20645213238265527935869146898028115621427162613172918400241870500502509785943,
    21074405743803627666274838159589343934394162804826017440941339048886754734203,
)
# Source: zerokit, seeded identity of its tests; circomlib, Poseidon of 1 and 2; Keccak-256 of "hey hey".
_COMMITMENT: Final = 0x1223A78A5D66043A7F9863E14507DC80720A5602B2A894923E5B5147D5A9C325
_POSEIDON: Final = 0x115CC0F5E7D690413DF64C6B9662E9CF2A3617F2743245519E19607A4417189A
_HASH: Final = 0x20F21731F169AB317CC024857F7AE28B4CB95ED417DD439DDBC72D432FE19B03


def doctor(as_json: AsJson = False) -> None:
    """Print the engine in use and the versions, and run a self-test."""

    def action() -> Report:
        tests = self_test()
        data: dict[str, object] = {
            "rln": __version__,
            "engine": engine.name(),
            "engines_supported": engine.supported(),
            "processors": threads.available(),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "built_in_keys": {name: key_digests(VerifyingKey.builtin(name), None) for name in PACKAGED},
            "self_test": {name: "ok" if good else "FAILED" for name, good in tests.items()},
        }
        lines = [
            f"{name.replace('_', ' '):18} {', '.join(value) if isinstance(value, list) else value}"
            for name, value in data.items()
            if name not in ("built_in_keys", "self_test")
        ]
        lines += [f"{name:18} verifying_key_digest {VerifyingKey.builtin(name).digest}" for name in PACKAGED]
        lines += [f"{'self-test ' + name:18} {'ok' if good else 'FAILED'}" for name, good in tests.items()]
        return Report(data, "\n".join(lines), 0 if all(tests.values()) else FAILED)

    run(action, as_json)


def self_test() -> dict[str, bool]:
    """Compare hashes, key generation, curve and pairing with known answers; return which of them agree."""

    def pairing() -> bool:
        key = VerifyingKey.builtin("zerokit-20")
        return key.verify(_PUBLIC, _PROOF) and not key.verify((_PUBLIC[0] ^ 1, *_PUBLIC[1:]), _PROOF)

    return {
        "poseidon": poseidon_hash([1, 2]) == _POSEIDON,
        "keccak": hash_to_field(b"hey hey") == _HASH,
        "identity": Identity.from_seed(b"A seed phrase example").commitment == _COMMITMENT,
        "pairing": _passes(pairing),
    }


def _passes(test: object) -> bool:
    try:
        return callable(test) and test() is True
    except RlnError:
        return False
