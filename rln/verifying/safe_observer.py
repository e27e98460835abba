"""SafeObserver: calls an observer so that its errors cannot change a verdict.

An error of an observer must not replace a verdict. The message is already in the log, so if its sender tried
again, it would be refused as a duplicate. The error should not go unnoticed either. So the first error goes
to the logger `rln`, with its traceback, and the observer is called again for the next event.

Damage of the audit trail changes no verdict, so nobody but the observer hears of it. Without an observer, or
if the observer fails, it goes to the logger `rln`.
"""

from __future__ import annotations

from collections.abc import Callable

from rln.base.injected import implements
from rln.verifying.ports import Observer
from rln.verifying.verdict import Verdict


class SafeObserver:
    """Calls an observer, if there is one. Safe to use from several threads if the observer is.

    Args:
        observer: the observer to call, or None.

    Raises:
        ParameterError: `observer` does not implement `Observer`.
    """

    def __init__(self, observer: Observer | None) -> None:
        if observer is not None:
            implements(observer, Observer, "observer")
        self._observer = observer
        self._reported = False

    def moment(self) -> float:
        """Return the time of the observer; 0 if there is no observer or it fails."""
        if self._observer is None:
            return 0.0
        try:
            return self._observer.moment()
        except Exception as error:  # noqa: BLE001 - reported; see above
            self._report(error)
            return 0.0

    def judged(self, outcome: Verdict | Exception, since: float) -> None:
        """Report the outcome of a message."""
        self._tell(lambda observer: observer.judged(outcome, since))

    def stored(self, failed: bool, since: float) -> None:
        """Report that the nullifier log has answered or failed."""
        self._tell(lambda observer: observer.stored(failed, since))

    def damaged(self, error: Exception) -> None:
        """Report damage of the audit trail, to the logger `rln` if there is no observer or it fails."""
        if self._observer is not None and type(self._observer).damaged is not Observer.damaged:
            try:
                self._observer.damaged(error)
                return
            except Exception as failure:  # noqa: BLE001 - reported; see above
                self._report(failure)
        import logging  # as in _report

        logging.getLogger("rln").critical("audit trail damaged: %s", error)

    def waiting(self, messages: int) -> None:
        """Report how many messages are pending."""
        self._tell(lambda observer: observer.waiting(messages))

    def _tell(self, news: Callable[[Observer], None]) -> None:
        if self._observer is None:
            return
        try:
            news(self._observer)
        except Exception as error:  # noqa: BLE001 - reported; see above
            self._report(error)

    def _report(self, error: Exception) -> None:
        if self._reported:
            return
        self._reported = True
        import logging  # here, because it is slow to import and rarely needed

        logging.getLogger("rln").error("observer: failed; further failures are not logged", exc_info=error)
