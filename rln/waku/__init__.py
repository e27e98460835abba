"""Waku: the messages of a Waku network and the rulings on them, without a network library, clock or file."""
