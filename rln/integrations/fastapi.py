"""FastAPI: the verdict about a request, as a dependency.

    @app.post("/v1/chat/completions")
    async def chat(admitted: Annotated[Admitted, Depends(admitted)]): ...

Needs FastAPI.
"""

from __future__ import annotations

from rln.base.arguments import instance
from rln.base.extras import missing
from rln.errors import ParameterError
from rln.integrations.admission import KEY, Admitted

try:
    from fastapi import Request
except ImportError as error:
    raise missing("fastapi", "registrar", error) from error


def admitted(request: Request) -> Admitted:
    """Return what was admitted.

    Raises:
        ParameterError: nothing was judged, because the middleware is missing or the path is exempt.
    """
    instance(request, Request, "request")
    found = request.scope.get(KEY)
    if not isinstance(found, Admitted):
        raise ParameterError(
            "request: expected one that RlnMiddleware has admitted; add the middleware, and leave this path "
            "out of `exempt`"
        )
    return found
