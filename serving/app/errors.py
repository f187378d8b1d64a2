"""Every refusal of the application is JSON, {"error": one line}, also those that the framework makes."""

import logging
import secrets
from typing import Any

import fastapi
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mia_ml.core.errors import MiaError
from serving.intake import wire
from serving.unavailable import Unavailable

_LOG = logging.getLogger("mia.app")


class Refused(Exception):
    """A request that is refused. status: of HTTP. retry: sending it again can help."""

    def __init__(self, status: int, line: str, headers: dict[str, str] | None = None, retry: bool = False) -> None:
        super().__init__(line)
        self.status = status
        self.line = line
        self.headers = headers or {}
        self.retry = retry

    def response(self) -> Response:
        return error(self.status, self.line, self.headers, self.retry)


def error(status: int, line: str, headers: dict[str, str] | None = None, retry: bool = False) -> Response:
    """An `Error` of serving/intake/wire.py; the connection closes where a body may not have been read."""
    closing = {"connection": "close"} if status in (401, 403, 408, 413) else {}
    body = wire.encode(wire.Error(" ".join(line.split()), retry))
    return Response(body, status, {**closing, **(headers or {})}, "application/json")


def unexpected(problem: BaseException) -> str:
    """The line for an error that nobody foresaw: it names the record in the log that has the rest."""
    name = secrets.token_hex(4)
    _LOG.error("unexpected error %s", name, exc_info=problem)
    return f"internal error {name}: the log of the service has the rest"


def install(app: fastapi.FastAPI) -> None:
    async def refused(_: Request, problem: Any) -> Response:
        return problem.response()

    async def of_framework(_: Request, problem: Any) -> Response:
        return error(problem.status_code, str(problem.detail).lower(), dict(problem.headers or {}))

    async def invalid(_: Request, problem: Any) -> Response:
        first = problem.errors()[0]
        return error(422, f"{'.'.join(str(step) for step in first['loc'][1:])}: {first['msg']}")

    async def domain(_: Request, problem: Any) -> Response:
        later = isinstance(problem, Unavailable)
        return error(503 if later else 400, str(problem), retry=later)

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(MiaError, domain)
