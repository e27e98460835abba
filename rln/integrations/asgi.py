"""ASGI: one line limits an application anonymously.

    app.add_middleware(RlnMiddleware, config="rln.toml")     FastAPI, Starlette
    app = RlnMiddleware(app)                                 any ASGI application; RLN_CONFIG names the file

Each request needs a credential, except those to the exempt paths and to the policy, which the middleware
serves itself. The application is called once for each VALID verdict, and never else: not on an exception and
not after a cancellation. `scope["rln"]` then holds what was admitted (`rln.integrations.admission.Admitted`).
WebSockets are refused.

Put it outside of everything that answers or reads bodies. In FastAPI, the middleware that is added last is
the outermost.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from rln.base.arguments import instance
from rln.base.extras import require
from rln.errors import InputError, ParameterError, RlnError, StoreUnavailable
from rln.integrations.admission import Admission, App, Message
from rln.integrations.answers import Answer, Send
from rln.integrations.provider import Provider
from rln.integrations.provider_settings import ProviderSettings
from rln.integrations.request_body import Receive
from rln.integrations.request_head import Scope, raw_path
from rln.integrations.request_judge import RequestJudge
from rln.integrations.slasher import LOGGER, described

_POLICY_VIOLATION: Final = 1008
"""The code with which a WebSocket is closed. Source: RFC 6455, 7.4.1."""


def _plain(status: int, title: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    """Return an answer for a time at which the policy is not known, nor the application's name."""
    body = b'{"status":%d,"title":"%s","type":"about:blank"}' % (status, title)
    fixed = (
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    )
    return Answer(status, (*fixed, *headers), body)


_NOT_OPEN: Final = _plain(500, b"The service has a fault.", (b"x-should-retry", b"false"))
_NOT_YET: Final = _plain(
    503,
    b"The service cannot check credentials now.",
    (b"x-should-retry", b"true"),
    (b"retry-after", b"5"),
)


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class RlnMiddleware:
    """Serves the requests of members who have not used up their limit, and refuses all others.

    In each process and event loop, whichever thread runs it, it opens what it needs: when the server starts,
    or else with the first request. So it may be made before a fork. When the server stops, it closes what it
    opened.

    Frameworks make their middleware when the server starts, and servers take an exception there for an
    application without a startup, and go on. So within an event loop, settings that cannot be used do not
    raise here: the startup fails with their error, and without a startup each request gets 500.

    Args:
        app: the ASGI application.
        config: settings, or the path of their file `rln.toml`; None: the file that RLN_CONFIG names.
        provider: objects instead of settings. Whoever made it closes it.

    Raises:
        InputError: there are both settings and a provider; outside of an event loop also that the settings
            cannot be used, or that cryptography is not installed.
    """

    def __init__(
        self,
        app: App,
        config: ProviderSettings | Path | str | None = None,
        *,
        provider: Provider | None = None,
    ) -> None:
        if not callable(app) or isinstance(app, type):
            raise ParameterError(f"app: expected an ASGI application, got {type(app).__name__}")
        self._app = app
        self._given = provider
        self._settings: ProviderSettings | None = None
        self._unusable: RlnError | None = None
        if provider is not None:
            instance(provider, Provider, "provider")
            if config is not None:
                raise ParameterError("config: expected none beside a provider; leave one of them out")
            self._exempt = provider.exempt
        else:
            try:
                require("cryptography", "http")  # here, and not only when the server starts
                read = isinstance(config, ProviderSettings)
                self._settings = config if read else ProviderSettings.load(config)  # type: ignore[assignment, arg-type]
            except RlnError as error:
                if not _is_in_event_loop():
                    raise
                self._unusable = error
            exempt = () if self._settings is None else self._settings.exempt
            self._exempt = frozenset(path.encode() for path in exempt)
        self._newest: RequestJudge | None = None  # of the event loop that was used last
        self._judges: dict[asyncio.AbstractEventLoop, RequestJudge] = {}
        self._opening: dict[asyncio.AbstractEventLoop, asyncio.Future[Provider]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection or event of the server."""
        kind = scope["type"]
        if kind == "http":
            await self._handle_http(scope, receive, send)
        elif kind == "lifespan":
            await self._handle_lifespan(scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            raise ParameterError(f"scope: expected http, lifespan or websocket, got {str(kind)[:40]!r}")

    async def _handle_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._exempt and self._is_exempt(scope):
            await self._app(scope, receive, send)
            return
        judge = self._newest
        try:
            if judge is None or judge.loop is not asyncio.get_running_loop() or judge.is_copy:
                judge = await self._judge()
            outcome = judge.glance(scope) or await judge.judge(scope, receive)
        except Exception as error:  # noqa: BLE001 - whatever it is, the application is not called
            outcome = self._fault(error, judge)
        if isinstance(outcome, Admission):
            await outcome.serve(self._app, scope, receive, send)
        elif outcome is not None:
            await outcome.send(send, scope)

    def _is_exempt(self, scope: Scope) -> bool:
        if scope.get("raw_path") not in self._exempt:
            return False
        try:
            return raw_path(scope) in self._exempt
        except InputError:
            return False

    def _fault(self, error: Exception, judge: RequestJudge | None) -> Answer:
        """Tell the operator, and return the answer."""
        LOGGER.critical("a request was refused because of a fault of the service: %s", described(error))
        if judge is not None:
            return judge.fault
        return _NOT_YET if isinstance(error, StoreUnavailable) else _NOT_OPEN

    # ---- opening and closing

    async def _judge(self) -> RequestJudge:
        """Return the judge of this event loop and process."""
        loop = asyncio.get_running_loop()
        judge = self._judges.get(loop)
        if judge is not None and not judge.is_copy:
            return judge
        opening = self._opening.get(loop)
        if opening is None or opening.done():
            self._close_ended(loop)
            opening = loop.run_in_executor(None, self._open)
            self._opening[loop] = opening
        provider = await asyncio.shield(opening)  # others wait for it too
        judge = self._judges.get(loop)
        if judge is None or judge.is_copy:
            judge = self._judges[loop] = RequestJudge(provider, loop)
        self._newest = judge
        return judge

    def _close_ended(self, running: asyncio.AbstractEventLoop) -> None:
        """Close what was opened for event loops that have ended without a word, as those of tests do."""
        for loop in [one for one in self._opening if one.is_closed()]:
            judge, opening = self._judges.pop(loop, None), self._opening.pop(loop, None)
            if judge is not None:
                judge.abandon()
                if opening is not None and self._given is None:
                    running.run_in_executor(None, opening.result().close)

    def _open(self) -> Provider:
        if self._unusable is not None:
            raise self._unusable.with_traceback(None)
        return Provider.open(self._settings) if self._given is None else self._given

    async def _handle_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = False

        async def receiving() -> Message:
            nonlocal asked
            asked = True
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._judge()
                except Exception as error:
                    # The application might let the server start nevertheless, if it just saw the exception.
                    await send({"type": "lifespan.startup.failed", "message": described(error)})
                    raise
            return message

        async def sending(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self.close()
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        except Exception as error:
            if asked:
                raise
            LOGGER.info("the application has no lifespan: %s", described(error))
        if not asked:
            # Most servers go on without. Then nobody would see wrong settings, nor close what is open.
            while (message := await receiving())["type"] != "lifespan.shutdown":
                await sending({"type": f"{message['type']}.complete"})
            await sending({"type": "lifespan.shutdown.complete"})

    async def close(self) -> None:
        """Answer what is pending in this event loop, and close what was opened for it."""
        loop = asyncio.get_running_loop()
        judge, opening = self._judges.pop(loop, None), self._opening.pop(loop, None)
        self._newest = None
        if judge is not None:
            await judge.close()
        if opening is None or self._given is not None:
            return
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            provider = opening.result()
            await loop.run_in_executor(None, provider.close)
