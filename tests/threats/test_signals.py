"""Threats C8: a joined signal can be split into its parts again."""

from hypothesis import given
from hypothesis import strategies as st

import rln
from rln.protocol.epoch import rln_identifier
from tests.support.joined_signal import split_joined_signal

parts = st.lists(st.binary(max_size=12), max_size=5)
domains = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8)


@given(domains, parts)
def test_c8_a_joined_signal_can_be_split_again(domain: str, signal: list[bytes]) -> None:
    assert split_joined_signal(rln.join_signal(domain, signal)) == (domain, signal)


@given(domains, parts, domains, parts)
def test_c8_distinct_tuples_are_distinct_before_the_hash(
    domain1: str, parts1: list[bytes], domain2: str, parts2: list[bytes]
) -> None:
    same = rln.join_signal(domain1, parts1) == rln.join_signal(domain2, parts2)
    assert same == ((domain1, parts1) == (domain2, parts2))


def test_c8_the_border_between_two_parts_matters() -> None:
    tuples = [[b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""], [b"", b"abc"], [b"ab", b"", b"c"], []]
    assert len({rln.hash_signal(rln.join_signal("d", signal)) for signal in tuples}) == len(tuples)
    pairs = [("a.example", 60), ("a.example", 600), ("a.example6", 0x30), ("b.example", 60)]
    assert len({rln_identifier(application, period) for application, period in pairs}) == len(pairs)
