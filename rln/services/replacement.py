"""Replacement: when a new leaf may follow an old one of the same account, so that no limit doubles.

A member who is removed can still use the old leaf: roots that contain it stay acceptable for the window.
Within the same epoch, a new leaf with another secret would bring a second limit. So the new leaf waits:

    last moment of an old root   time of the step that removed the leaf + window
    last epoch of that moment    it contains that moment + skew
    from then on                 end of that epoch + skew

Clocks of the provider's machines may differ by a second, which is added twice. The number of replacements is
bounded too, because each one is a fresh limit in its first epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

from rln.base.arguments import instance, whole
from rln.base.bounds import MAX_STORED
from rln.errors import ParameterError
from rln.group.events import CLOCK_TOLERANCE
from rln.params import Params

DAY: Final = 86_400_000
"""Milliseconds of a day."""


@dataclass(frozen=True, slots=True)
class ReplacementRules:
    """How often an account may replace its leaf, and from when on the new one counts.

    Args:
        window: seconds that a replaced root stays acceptable.
        period: of an epoch, in seconds.
        skew: by which clocks may differ, in seconds.
        most: replacements of an account within `days`.
        days: see there.
        after_slash: how many slashings of an account leave it the right to register again.

    Raises:
        ParameterError: a number is outside its range.
    """

    window: int
    period: int
    skew: int
    most: int = 3
    days: int = 30
    after_slash: int = 0

    def __post_init__(self) -> None:
        whole(self.window, "window", 1, 1 << 20)
        whole(self.period, "period", 1, MAX_STORED)
        whole(self.skew, "skew", 0, MAX_STORED)
        whole(self.most, "replacements", 0, 1000)
        whole(self.days, "replacement_days", 1, 3660)
        whole(self.after_slash, "replacements_after_slash", 0, 1000)

    @classmethod
    def of(cls, params: Params, most: int = 3, days: int = 30, after_slash: int = 0) -> Self:
        """Return the rules for an application.

        Raises:
            ParameterError: its roots have no bound in seconds, so an old leaf could stay acceptable for ever;
                or a number is outside its range.
        """
        instance(params, Params, "params")
        if params.window_seconds is None:
            raise ParameterError(
                "params: expected window_seconds, got none: with a count of roots alone, nobody knows how "
                "long a removed leaf stays acceptable; make the parameters with --window-seconds"
            )
        return cls(params.window_seconds, params.period, params.skew, most, days, after_slash)

    def free_at(self, removed: int) -> int:
        """Return from when on a new leaf may follow one that was removed, both in unix milliseconds."""
        whole(removed, "removed", 0, MAX_STORED)
        last = (removed + CLOCK_TOLERANCE) / 1000 + self.window + self.skew
        end = (math.floor(last / self.period) + 1) * self.period
        return (end + self.skew) * 1000 + CLOCK_TOLERANCE
