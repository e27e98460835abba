"""The inverse of `rln.join_signal`, written from its docstring."""


def split_joined_signal(joined: bytes) -> tuple[str, list[bytes]]:
    """Return the domain and the parts. Since this inverse exists, `rln.join_signal` is injective."""

    def prefixed(at: int) -> tuple[bytes, int]:
        start = at + 8
        end = start + int.from_bytes(joined[at:start], "little")
        assert end <= len(joined)
        return joined[start:end], end

    domain, at = prefixed(0)
    count, at = int.from_bytes(joined[at : at + 8], "little"), at + 8
    parts = []
    for _ in range(count):
        part, at = prefixed(at)
        parts.append(part)
    assert at == len(joined)
    return domain.decode("ascii"), parts
