"""How much work the tests of faults and races do: a share of a CI run, or a campaign of their own.

RLN_EFFORT=release asks for the campaign; anything else is CI.
"""

import os

RELEASE = os.environ.get("RLN_EFFORT") == "release"


def effort(ci: int, release: int) -> int:
    """The number of rounds."""
    return release if RELEASE else ci
