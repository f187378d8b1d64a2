"""What an operator may do: look at the registry now, stand down, and call that off."""

import logging
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from serving.app import auth, errors, limits
from serving.app.desk import Desk
from serving.app.tokens import Token
from serving.intake import wire

_LOG = logging.getLogger("mia.admin")


class StandDown(msgspec.Struct, forbid_unknown_fields=True):
    on: bool
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


def router(desk: Desk, gate: auth.Gate) -> APIRouter:
    routes = APIRouter(prefix="/api/admin")
    admin = Depends(gate.needs("admin"))

    @routes.post("/reload")
    async def reload(token: Token = admin) -> Response:
        _LOG.info("token '%s' asks for a look at the registry", token.name)
        return _json(await desk.reload())

    @routes.post("/stand-down")
    async def stand_down(request: Request, token: Token = admin) -> Response:
        try:
            asked = msgspec.json.decode(await limits.body(request, 10_000), type=StandDown)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise errors.Refused(422, f'{error}; send {{"on": true, "reason": "..."}}') from None
        reason = " ".join(asked.reason.split())
        _LOG.warning("token '%s': stand down %s: %s", token.name, "on" if asked.on else "off", reason)
        desk.stand_down(asked.on, reason)
        return _json({"on": asked.on, "reason": reason})

    return routes


def _json(content: object) -> Response:
    return Response(wire.encode(content), media_type="application/json")
