"""Requests with credentials through the library requests.

    session = anonymous_session(member)
    session.post("https://api.example.com/v1/chat/completions", json={...})

`RlnAdapter` can be mounted in any session of requests. A session of your own may tell more than its requests
do: it keeps cookies, and follows redirects, each of which costs another unit. `anonymous_session` makes one
that does not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from http.cookiejar import CookiePolicy
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from rln.base import forks
from rln.base.arguments import flag, instance, real
from rln.base.extras import missing
from rln.client.connections import CONNECT_SECONDS, READ_SECONDS, Connections, no_cookies
from rln.client.flow import Head, Pause, Read, Result, Send, Wanted, Work, request_flow
from rln.client.member import Member
from rln.client.origin import plain_authority
from rln.errors import ParameterError

try:
    import requests
    from requests.adapters import BaseAdapter, HTTPAdapter
    from requests.cookies import RequestsCookieJar
    from requests.structures import CaseInsensitiveDict
    from urllib3.util import SKIP_HEADER, Timeout, parse_url

    from rln.integrations.urllib3_tunnel import tunnel_pools
except ImportError as error:
    raise missing("requests", None, error) from error

_TIMEOUT: Final = (CONNECT_SECONDS, READ_SECONDS)


class RlnAdapter(BaseAdapter):
    """Sends the requests of a session with credentials of a member.

    Only the fields of `rln.client.outgoing` are sent. A request to another origin than those of the policy is
    refused. The body of a request is read before it is sent, because the credential covers it.

    Safe to use from several threads. A call waits for the answer, so do not make it on an event loop. A
    forked child begins with no connections, because those that are there belong to its parent; an answer
    that is being read at the fork belongs to the parent, too. After `close`, or after a session is closed,
    connections are opened again as they are needed.

    Args:
        member: whose credentials are sent. Whoever opened it closes it; then every request is refused.
        proxy: `http://host:port`, the same as in the member's settings; None: that one.
        fresh_connections: a new connection for each request.

    Raises:
        ParameterError: another proxy than that of the member's fetches.
    """

    def __init__(self, member: Member, *, proxy: str | None = None, fresh_connections: bool = False) -> None:
        super().__init__()
        self._connections = Connections.of(member, proxy, fresh_connections)
        self._member = member
        self._transport = self._new_transport()
        forks.register(self)

    def _new_transport(self) -> HTTPAdapter:
        return _Transport(self._connections.proxy)

    def __repr__(self) -> str:
        return f"RlnAdapter({self._member})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an RlnAdapter has a secret and cannot be pickled")

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | Timeout | None = None,
        verify: bool | str = True,
        cert: str | bytes | tuple[str | bytes, str | bytes] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request with a credential; a session calls this.

        Args:
            request: prepared.
            stream: whether the body of the answer is left to the caller.
            timeout: as everywhere in requests; None: 30 seconds to connect, and 600 between two pieces.
            verify: True, or the path of certificates.
            cert: None, because a certificate tells who the client is.
            proxies: none, because the adapter has its own.

        Raises:
            ParameterError: an argument of another form, or a request that no credential covers.
            RlnError: what stops the member.
        """
        instance(request, requests.PreparedRequest, "request")
        flag(stream, "stream")
        checked = _checked_timeout(timeout)
        _check_connection(verify, cert, proxies)
        forks.refuse_unnoticed("adapter")
        if not self._connections.fresh:
            return self._send(self._transport, request, checked, verify)
        # What a closed transport has lent is closed when it comes back.
        with closing(self._new_transport()) as transport:
            return self._send(transport, request, checked, verify)

    def _send(
        self, transport: HTTPAdapter, request: requests.PreparedRequest, timeout: Any, verify: Any
    ) -> requests.Response:
        response: requests.Response | None = None
        with closing(request_flow(self._member, _wanted(request))) as flow:
            result: Result = None
            while True:
                try:
                    step = flow.send(result)
                except StopIteration:
                    assert response is not None
                    response.request = request  # without its credential
                    response.connection = self  # type: ignore[assignment]
                    return response
                except BaseException:
                    if response is not None:
                        response.close()
                    raise
                result = None
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                elif isinstance(step, Work):
                    result = step.call()
                elif isinstance(step, Read):
                    assert response is not None
                    result = response.content
                elif isinstance(step, Send):
                    if response is not None:
                        response.close()
                    try:
                        response = transport.send(
                            _with_fields(request, step), stream=True, timeout=timeout, verify=verify
                        )
                    except requests.RequestException as error:
                        error.request = request  # without its credential
                        raise
                    result = Head(response.status_code, list(response.raw.headers.items()))

    def close(self) -> None:
        """Close the connections that nobody uses; the others follow when their answers are read."""
        forks.refuse_unnoticed("adapter")
        self._transport.close()

    # ---- forks

    def _fork_locks(self) -> Sequence[forks.Lock]:
        return ()

    def _after_fork(self, torn: bool) -> None:
        self._transport = self._new_transport()


class _Transport(HTTPAdapter):
    """Sends what it is given: itself, or through tunnels of a proxy. It repeats nothing."""

    def __init__(self, proxy: str | None) -> None:
        self._proxy = proxy
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        """Make the pools of connections; requests calls this."""
        super().init_poolmanager(*arguments, **more)
        if self._proxy is not None:
            self.poolmanager.pool_classes_by_scheme = tunnel_pools(self._proxy)


class _Session(requests.Session):
    """A session that follows no redirect, whoever asks for it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def anonymous_session(
    member: Member, *, proxy: str | None = None, fresh_connections: bool = False
) -> requests.Session:
    """Make a session that sends requests with credentials, and nothing about its user.

    No cookies, nothing from the environment, no redirects, the same `User-Agent` for everybody.

    Args:
        member: whose credentials are sent.
        proxy: `http://host:port`, the same as in the member's settings; None: that one.
        fresh_connections: a new connection for each request. Otherwise requests on one connection can be
            linked to each other.

    Raises:
        ParameterError: another proxy than that of the member's fetches.
    """
    adapter = RlnAdapter(member, proxy=proxy, fresh_connections=fresh_connections)
    session = _Session()
    session.trust_env = False
    policy: CookiePolicy = no_cookies()
    session.cookies = RequestsCookieJar(policy)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _checked_timeout(timeout: object) -> Any:
    """Return a timeout in a form that requests takes."""
    if timeout is None:
        return _TIMEOUT
    if isinstance(timeout, Timeout):
        return timeout
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    if isinstance(timeout, tuple) and len(timeout) != 2:
        raise ParameterError(f"timeout: expected a pair of seconds, got {len(timeout)} values")
    for one in parts:
        if one is not None and real(one, "timeout") <= 0:
            raise ParameterError(f"timeout: expected more than 0, got {one}")
    return timeout


def _check_connection(verify: object, cert: object, proxies: object) -> None:
    """Refuse what would show the client, or the credential to others."""
    if verify is not True and not (isinstance(verify, str) and verify):
        raise ParameterError(
            f"verify: expected True or the path of certificates, got {verify!r:.40}; no credential goes over "
            "a connection whose other end nobody has checked"
        )
    if cert is not None:
        raise ParameterError("cert: expected None, got one; a certificate tells who the client is")
    if proxies is not None and not isinstance(proxies, dict):
        raise ParameterError(f"proxies: expected none, got {type(proxies).__name__}")
    if proxies and any(proxies.values()):
        raise ParameterError(
            "proxies: expected none for a single request, whose way the fetches of the member would not "
            "share; open the member with MemberSettings(proxy=...)"
        )


def _wanted(request: requests.PreparedRequest) -> Wanted:
    if request.url is None or request.method is None:
        raise ParameterError("request: expected a prepared request with URL and method, got one without")
    target = request.path_url
    if parse_url(request.url).request_uri != target:
        raise ParameterError("url: expected the form in which it is sent, got one that would be written anew")
    url = urlsplit(request.url)
    scheme = url.scheme.lower()
    body = _read_body(request)
    return Wanted(
        scheme,
        plain_authority(scheme, url.netloc),
        request.method,
        target.encode("utf-8"),
        [(_text(name), _text(value)) for name, value in request.headers.items()],
        body,
    )


def _read_body(request: requests.PreparedRequest) -> bytes:
    """Return the whole body, and let the request keep it, so that it can be sent again."""
    body: Any = request.body
    if body is None or isinstance(body, bytes):
        return body or b""
    if isinstance(body, bytearray | memoryview):
        body = (bytes(body),)  # the caller may change it later
    if isinstance(body, str):
        return body.encode("utf-8")
    pieces = [body.read()] if hasattr(body, "read") else list(body)
    content = b"".join(one.encode("utf-8") if isinstance(one, str) else one for one in pieces)
    request.body = content
    request.headers.pop("Transfer-Encoding", None)
    request.headers["Content-Length"] = str(len(content))
    return content


def _with_fields(request: requests.PreparedRequest, step: Send) -> requests.PreparedRequest:
    sent = request.copy()
    # Otherwise urllib3 adds one of its own.
    sent.headers = CaseInsensitiveDict({**dict(step.fields), "Accept-Encoding": SKIP_HEADER})
    return sent


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
