"""Registrar app: the endpoints of a registrar in FastAPI (extra `registrar`).

    app = app_of(Registrar.open("rln.toml"))         an application of its own
    other.include_router(router_of(registrar))       or within another one, which calls start and close

Bodies are strict JSON of at most 16 KiB. Every refusal is a problem document (RFC 9457), and says nothing
about anybody else. What is public is the same for every reader, and may be cached.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from rln.base import canonical_json
from rln.base.arguments import instance
from rln.base.extras import missing
from rln.errors import InputError, StoreUnavailable
from rln.http.policy import WELL_KNOWN
from rln.http.problem import BAD_PROOF, CONTENT_TOO_LARGE, INTERNAL, MALFORMED, MEDIA_TYPE, NOT_FOUND, TIMEOUT
from rln.http.registration import RegistrationProof
from rln.services.api_keys import Account
from rln.services.bulletin_site import INDEX
from rln.services.refusal import NOT_ALLOWED, UNAUTHORIZED, Refused, refusal_of
from rln.services.registrar import Registrar

try:
    from fastapi import APIRouter, Depends, FastAPI, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import FileResponse
    from fastapi.routing import APIRoute
    from fastapi.security import HTTPBearer
    from pydantic import BaseModel, ConfigDict, Field
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
except ImportError as error:
    raise missing("fastapi", "registrar", error) from error

__all__ = ["app_of", "router_of"]

MAX_BODY: Final = 1 << 14
"""Bytes of the largest body."""

BODY_SECONDS: Final = 10.0
"""Seconds until the whole body must be there."""

_FOREVER: Final = "public, max-age=31536000, immutable"
_BRIEFLY: Final = "public, max-age=5"
_TIER: Final = r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$"

_log = logging.getLogger("rln.registrar")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Wanted(_Model):
    """What a customer asks a nonce for."""

    tier: Annotated[str, Field(pattern=_TIER, examples=["pro"])]


class Challenge(_Model):
    """A nonce for one attempt."""

    account: str
    nonce: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    expires: Annotated[int, Field(description="Unix time in seconds.")]
    limit: int


class Application(_Model):
    """A commitment to register, with the proof that the applicant knows its secret."""

    tier: Annotated[str, Field(pattern=_TIER)]
    commitment: Annotated[str, Field(pattern="^[1-9][0-9]{0,76}$", description="A decimal number.")]
    server_nonce: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    client_nonce: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    proof: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{256}$", description="192 bytes in base64url.")]


class Registered(_Model):
    """Where a registration stands."""

    tier: str
    commitment: str
    limit: Annotated[int, Field(description="Of the leaf; the tier may have another one since.")]
    state: Literal["pending", "waiting", "member", "ended", "slashed"]
    admission: Annotated[int | None, Field(description="Latest unix time of the admission, in seconds.")]


class Registrations(_Model):
    """The registrations of an account, newest first."""

    registrations: list[Registered]


class Ended(_Model):
    """A membership ends: its leaf will be removed."""

    state: Literal["ended"]


class ProblemDocument(_Model):
    """A refusal (RFC 9457)."""

    status: int
    title: str
    type: str


_REGISTRAR: Final = "rln.registrar"
"""Where a route finds its registrar in the scope of a request."""

_bearer: Final = HTTPBearer(auto_error=False, description="The API key of an account.")


def _account_of(request: Request, _: Annotated[object, Depends(_bearer)]) -> Account:
    registrar: Registrar = request.scope[_REGISTRAR]
    return registrar.account(request.headers.getlist("authorization"))


Known = Annotated[Account, Depends(_account_of)]
"""The account whose API key came with the request."""

_PROBLEM: Final = {
    "content": {MEDIA_TYPE: {"schema": ProblemDocument.model_json_schema()}},
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"description": "Refused; the type of the problem says why.", **_PROBLEM},
    503: {"description": "A store is not available; try again after Retry-After.", **_PROBLEM},
}
"""Under "4XX", FastAPI adds no answer of its own for malformed bodies."""


def router_of(registrar: Registrar) -> APIRouter:
    """Return the routes of a registrar, at the paths that its policy names."""
    instance(registrar, Registrar, "registrar")
    policy = registrar.policy
    registration, bulletins, proving_key = (
        urlsplit(url or "").path for url in (policy.registration, policy.bulletins, policy.proving_key)
    )
    router = APIRouter(route_class=_route_class(registrar), tags=["registrar"])
    no_store = {"Cache-Control": "no-store"}

    @router.post(
        f"{registration}/challenge",
        status_code=201,
        responses=_REFUSALS,
        summary="Get a nonce for one attempt",
    )
    def challenge(account: Known, wanted: Wanted, response: Response) -> Challenge:
        response.headers.update(no_store)
        nonce, expires, tier = registrar.challenge(account, wanted.tier)
        return Challenge(account=account.name, nonce=nonce.hex(), expires=expires, limit=tier.limit)

    @router.post(registration, status_code=202, responses=_REFUSALS, summary="Register a commitment")
    def register(account: Known, application: Application, response: Response) -> Registered:
        response.headers.update(no_store)
        row = registrar.register(
            account,
            application.tier,
            int(application.commitment),
            bytes.fromhex(application.server_nonce),
            bytes.fromhex(application.client_nonce),
            _decoded(application.proof),
        )
        return Registered.model_validate(registrar.shown(account, row))

    @router.get(registration, responses=_REFUSALS, summary="List the registrations of the account")
    def registrations(account: Known, response: Response) -> Registrations:
        response.headers.update(no_store)
        return Registrations.model_validate({"registrations": registrar.registrations(account)})

    @router.delete(
        f"{registration}/{{tier}}", status_code=202, responses=_REFUSALS, summary="End a membership"
    )
    def end(account: Known, tier: str, response: Response) -> Ended:
        response.headers.update(no_store)
        if not registrar.end(account, tier):
            raise Refused(NOT_FOUND)
        return Ended(state="ended")

    @router.get(WELL_KNOWN, summary="The signed policy", response_class=Response)
    def policy_document() -> Response:
        return Response(
            registrar.policy_document, media_type="application/json", headers={"Cache-Control": _BRIEFLY}
        )

    @router.get(proving_key, summary="The proving key", response_class=FileResponse)
    def proving_key_file() -> FileResponse:
        return _file(registrar.proving_key, _BRIEFLY, policy.params.key_digest)

    @router.get(
        f"{bulletins}{{name}}", responses=_REFUSALS, summary="A bulletin", response_class=FileResponse
    )
    def bulletin(name: str) -> Response:
        path = registrar.bulletins.path(name)
        if path is None:
            raise Refused(NOT_FOUND)
        if name == INDEX:
            # Read at once: it is replaced now and then, also between its size and its first byte.
            return Response(
                path.read_bytes(), media_type="application/json", headers={"Cache-Control": _BRIEFLY}
            )
        return _file(path, _FOREVER, name)

    return router


def app_of(registrar: Registrar) -> FastAPI:
    """Return an application with these routes alone, which starts and closes the registrar."""
    instance(registrar, Registrar, "registrar")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with registrar:
            yield

    path = urlsplit(registrar.policy.registration or "").path
    app = FastAPI(
        title=f"Registrar of {registrar.policy.application}",
        version=str(registrar.policy.version),
        openapi_url=f"{path}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    router = router_of(registrar)
    app.include_router(router)
    application = registrar.policy.application

    async def refuse(request: Request, error: Exception) -> Response:
        # Only what no route has seen comes here: an unknown path or method.
        status = error.status_code if isinstance(error, HTTPException) else 500
        known = {404: NOT_FOUND, 405: NOT_ALLOWED}
        answer = _refusal(application, Refused(known.get(status, INTERNAL)))
        if status == NOT_ALLOWED.status:
            answer.headers["Allow"] = ", ".join(sorted(_methods(router, request)))
        return answer

    app.add_exception_handler(HTTPException, refuse)
    return app


def _route_class(registrar: Registrar) -> type[APIRoute]:
    """Return a class of routes that read strict bodies and answer with problems, whatever the application."""
    application = registrar.policy.application

    class ProblemRoute(APIRoute):
        """A route of the registrar."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                request.scope[_REGISTRAR] = registrar
                try:
                    return await handle(await _with_strict_body(request))
                except HTTPException:
                    return _refusal(application, Refused(MALFORMED))
                except RequestValidationError:
                    return _refusal(application, Refused(MALFORMED))
                except Exception as error:  # noqa: BLE001 - the edge of the registrar
                    refused = refusal_of(error)
                    if isinstance(error, StoreUnavailable):  # names no account and no key
                        _log.error("a request was refused: %s: %s", type(error).__name__, error)
                    elif refused.problem is INTERNAL:
                        _log.error("a request has failed: %s", type(error).__name__)
                    return _refusal(application, refused)

            return guarded

    return ProblemRoute


async def _with_strict_body(request: Request) -> Request:
    """Return the request with its body read and checked."""
    if request.method in ("GET", "DELETE"):
        return request
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise Refused(CONTENT_TOO_LARGE)
    except TimeoutError as error:
        raise Refused(TIMEOUT) from error
    except ClientDisconnect as error:  # nobody reads the answer
        raise Refused(MALFORMED) from error
    canonical_json.read(bytes(body), "body", MAX_BODY)
    message = {"type": "http.request", "body": bytes(body), "more_body": False}

    async def receive() -> dict[str, Any]:
        return message

    return Request(request.scope, receive)


def _refusal(application: str, refused: Refused) -> Response:
    headers = {"Cache-Control": "no-store"}
    if refused.problem is UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if refused.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refused.retry_after)))
    body = refused.problem.document(application)
    return Response(body, refused.problem.status, headers, MEDIA_TYPE)


def _file(path: Any, cache: str, tag: str) -> FileResponse:
    """Return the answer with a file; its tag says nothing about the machine that serves it."""
    headers = {"Cache-Control": cache, "ETag": f'"{tag}"'}
    return FileResponse(path, headers=headers, media_type="application/octet-stream")


def _methods(router: APIRouter, request: Request) -> set[str]:
    """Return the methods that the path of a request has; each route has one."""
    path = request.url.path
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    exact = [route for route in routes if route.path == path]
    matching = exact or [route for route in routes if route.path_regex.match(path)]
    return set().union(*(route.methods or () for route in matching))


def _decoded(proof: str) -> RegistrationProof:
    """Return a proof whose form the model has checked: 256 characters are 192 bytes."""
    try:
        return RegistrationProof.decode(base64.urlsafe_b64decode(proof))
    except InputError as error:
        raise Refused(BAD_PROOF) from error
