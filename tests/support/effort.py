"""How much work the tests of faults and races do: a small part in each run, or a long campaign.

RLN_EFFORT=release asks for the campaign; any other value asks for the small part.
"""

import os

RELEASE = os.environ.get("RLN_EFFORT") == "release"


def effort(ci: int, release: int) -> int:
    """Return the number of rounds: `ci` in an ordinary run, `release` in a campaign."""
    return release if RELEASE else ci
