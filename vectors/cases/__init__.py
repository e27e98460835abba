"""The cases of each vector file; every answer comes from the oracle."""

from . import (
    field,
    hash_to_field,
    http_challenges,
    http_credentials,
    http_prices,
    http_registrations,
    http_signals,
    identity,
    merkle,
    poseidon,
    proof,
    share,
    waku_messages,
    waku_proofs,
    waku_signals,
    zerokit_messages,
)

FILES = {
    module.__name__.rpartition(".")[2]: module.document
    for module in (field, poseidon, hash_to_field, identity, merkle, share, proof)
} | {
    "zerokit-messages": zerokit_messages.document,
    "http-challenges": http_challenges.document,
    "http-credentials": http_credentials.document,
    "http-prices": http_prices.document,
    "http-registrations": http_registrations.document,
    "http-signals": http_signals.document,
    "waku-messages": waku_messages.document,
    "waku-proofs": waku_proofs.document,
    "waku-signals": waku_signals.document,
}
