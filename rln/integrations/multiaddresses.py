"""Multiaddresses: where nodes listen and peers are, and the names of peers."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network

from rln.base.arguments import fixed_bytes, text
from rln.base.extras import missing
from rln.errors import EncodingError, NativeError, ParameterError

try:
    from libp2p.crypto.secp256k1 import create_new_key_pair
    from libp2p.peer.id import ID
    from libp2p.peer.peerinfo import PeerInfo, info_from_p2p_addr
    from multiaddr import Multiaddr
except ImportError as error:
    raise missing("libp2p", "relay", error) from error


class ConnectionFailed(NativeError):
    """An address cannot be listened at, or a peer cannot be reached. Correct it, or try again later."""


def multiaddress(address: str, name: str) -> str:
    """Return an address in its usual form.

    Args:
        address: such as `/ip4/127.0.0.1/tcp/60000`.
        name: of the argument, for the error.

    Raises:
        ParameterError: not text.
        EncodingError: not a multiaddress.
    """
    text(name, "name")
    text(address, name)
    try:
        return str(Multiaddr(address))
    except Exception as error:
        raise EncodingError(
            f"{name}: expected a multiaddress as /ip4/127.0.0.1/tcp/60000, got {address[:200]!r}"
        ) from error


def peer_info(address: str) -> PeerInfo:
    """Return where a peer is and its name.

    Args:
        address: a multiaddress that ends with `/p2p/` and the name.

    Raises:
        ParameterError: not text.
        EncodingError: not such an address.
    """
    text(address, "address")
    try:
        return info_from_p2p_addr(Multiaddr(address))
    except Exception as error:
        raise EncodingError(
            f"address: expected a multiaddress as /ip4/192.0.2.7/tcp/60000/p2p/NAME, got {address[:200]!r}"
        ) from error


def peer_name(peer: str) -> ID:
    """Return the name of a peer as py-libp2p has it.

    Raises:
        ParameterError: not text.
        EncodingError: not the name of a peer.
    """
    text(peer, "peer")
    try:
        return ID.from_string(peer)
    except Exception as error:
        raise EncodingError(f"peer: expected the name of a peer, got {peer[:100]!r}") from error


def peer_name_of(key: bytes) -> str:
    """Return the name of the node with a private key.

    Args:
        key: 32 bytes for secp256k1.

    Raises:
        InputError: not 32 bytes.
    """
    return str(ID.from_pubkey(create_new_key_pair(fixed_bytes(key, 32, "key")).public_key))


def network_prefix(host: str) -> str:
    """Return the network of an address: /24 for IPv4, /48 for IPv6.

    Raises:
        ParameterError: not an address.
    """
    text(host, "host")
    try:
        address = ip_address(host)
    except ValueError as error:
        raise ParameterError(f"host: expected an address, got {host[:60]!r}") from error
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


def check_free(address: str) -> None:
    """Refuse a port that somebody uses: py-libp2p would share it, and each would get some of the calls.

    Args:
        address: a multiaddress to listen at.

    Raises:
        ParameterError: not text.
        EncodingError: not an address for TCP of this machine.
        ConnectionFailed: the address is in use, or not of this machine.
    """
    parsed = Multiaddr(multiaddress(address, "listen"))
    try:
        name = next(one.name for one in parsed.protocols() if one.name in ("ip4", "ip6"))
        host, port = parsed.value_for_protocol(name), int(parsed.value_for_protocol("tcp"))
    except (StopIteration, LookupError) as error:
        raise EncodingError(
            f"listen: expected an address as /ip4/127.0.0.1/tcp/60000, got {address[:200]!r}"
        ) from error
    try:
        with socket.socket(socket.AF_INET if name == "ip4" else socket.AF_INET6) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has ended holds no port
            probe.bind((host, port))
    except OSError as error:
        raise ConnectionFailed(
            f"listen: {address[:200]}: {error.strerror}; does another node run there?"
        ) from error
