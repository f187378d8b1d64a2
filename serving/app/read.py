"""What may be read: whether it lives, what it knows, what it decided."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from serving.app import auth, metrics
from serving.app.desk import Desk
from serving.intake import wire

Number = Annotated[int, Query(ge=0, lt=1 << 62)]
Lines = Annotated[int, Query(ge=1, le=10_000)]
Day = Annotated[int | None, Query(ge=19000101, le=29991231)]


def router(desk: Desk, gate: auth.Gate) -> APIRouter:
    routes = APIRouter()
    reader = [Depends(gate.needs("read"))]

    @routes.get("/health")
    async def health() -> Response:
        return _json({"status": "ok"})

    @routes.get("/ready")
    async def ready() -> Response:
        why = desk.ready()
        return _json({"ready": not why, "why": why}, 503 if why else 200)

    @routes.get("/metrics", dependencies=reader)
    async def measured() -> Response:
        return Response(desk.metrics.text(), media_type=metrics.CONTENT_TYPE)

    @routes.get("/api/state", dependencies=reader)
    async def state() -> Response:
        found, curves = desk.state(), desk.curves()
        for version in found.get("versions", []):
            if version.get("paper"):
                version["paper"] = {**version["paper"], "curve": curves.get(version["version"], [])}
        return _json(found)

    @routes.get("/api/decisions", dependencies=reader)
    async def decisions(since: Number = 0, limit: Lines = 1000) -> Response:
        lines = [line.strip() + b"\n" for line in desk.decisions(since, limit)]
        return Response(b"".join(lines), media_type="application/x-ndjson")

    @routes.get("/api/statement", dependencies=reader)
    async def statement(day: Day = None) -> Response:
        return _json(desk.statement(day))

    return routes


def _json(content: object, status: int = 200) -> Response:
    return Response(wire.encode(content), status, media_type="application/json")
