"""Watch: an observer that can do no harm.

What an observer raises must not turn a verdict into an error: the message is in the log by then, and its
sender would be refused as a copy when he comes again. Nor may it pass unnoticed. So the first failure goes
to the logger `rln`, with its traceback, and the observer is told what happens next as before.
"""

from __future__ import annotations

from collections.abc import Callable

from rln.base.arguments import instance
from rln.verifying.ports import Observer
from rln.verifying.verdict import Verdict


class SafeObserver:
    """Tells an observer, if there is one. Safe to use from several threads, as far as the observer is.

    Args:
        observer: None: nobody is told.

    Raises:
        ParameterError: not an observer.
    """

    def __init__(self, observer: Observer | None) -> None:
        if observer is not None:
            instance(observer, Observer, "observer")
        self._observer = observer
        self._reported = False

    def moment(self) -> float:
        """Return the observer's time; 0 when there is none."""
        if self._observer is None:
            return 0.0
        try:
            return self._observer.moment()
        except Exception as error:  # noqa: BLE001 - reported; see above
            self._report(error)
            return 0.0

    def judged(self, outcome: Verdict | Exception, since: float) -> None:
        """Say what became of a message."""
        self._tell(lambda observer: observer.judged(outcome, since))

    def stored(self, failed: bool, since: float) -> None:
        """Say that the log has answered or failed."""
        self._tell(lambda observer: observer.stored(failed, since))

    def waiting(self, messages: int) -> None:
        """Say how many messages are on their way."""
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
        import logging  # here, since it is slow to import and rarely needed

        logging.getLogger("rln").error("observer: failed; said once", exc_info=error)
