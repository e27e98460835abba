"""WindowSize: how many of the recent roots a verifier accepts, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rln.base.arguments import is_real, shown, whole
from rln.base.injected import callback
from rln.errors import ParameterError


@dataclass(frozen=True, slots=True)
class WindowSize:
    """How long a replaced root stays acceptable. The current root is always acceptable.

    Use seconds if members may register in bursts: with a count alone, a burst between the making of a proof
    and its arrival makes the proof invalid. With both bounds, a root must be within both.

    Args:
        count: how many of the newest roots are acceptable, the current one included, 1 to 2^20; None is no
            bound.
        seconds: how long a root is acceptable after it was replaced, more than 0; None is no bound. Needs
            `now`.
        now: returns the time in seconds, for example the `now` of an `EpochClock`.

    Raises:
        ParameterError: neither count nor seconds is given, a number is outside its range, or seconds comes
            without `now`.
    """

    count: int | None = None
    seconds: float | None = None
    now: Callable[[], float] | None = None

    def __post_init__(self) -> None:
        if self.count is None and self.seconds is None:
            raise ParameterError("window: expected a count, seconds, or both, got neither")
        if self.count is not None:
            whole(self.count, "window count", 1, 1 << 20)
        if self.seconds is not None:
            if not is_real(self.seconds) or self.seconds <= 0:
                raise ParameterError(f"window seconds: expected a number above 0, got {shown(self.seconds)}")
            if self.now is None:
                raise ParameterError("window: expected `now`, the clock that seconds need, got None")
        if self.now is not None:
            callback(self.now, "now")
