"""Who is asking, and may they: bearer tokens with scopes, counted.

A program sends `Authorization: Bearer TOKEN`. A browser cannot on a WebSocket, and offers the subprotocols "mia" and
"bearer.TOKEN" instead, of which "mia" is chosen. A token is never in a URL, where logs and histories keep it.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection, Request

from mia_ml.settings.serve import Limits
from serving.app import errors, limits
from serving.app.metrics import Metrics
from serving.app.tokens import Scope, Token, Tokens

SUBPROTOCOL = "mia"
_OFFERED = "bearer."


class Gate:
    def __init__(self, tokens: Tokens, bounds: Limits, metrics: Metrics) -> None:
        self._tokens = tokens
        self._rate = bounds.requests_per_s
        self._buckets: dict[str, limits.Bucket] = {}
        self._metrics = metrics

    def admit(self, connection: HTTPConnection, scope: Scope) -> Token:
        """The token of one who may. Raises Refused: 401 for nobody, 403 without the scope, 429 for too often."""
        try:
            return self._admit(connection, scope)
        except errors.Refused as refused:
            self._metrics.requests_refused.labels(str(refused.status)).inc()
            raise

    def still(self, token: Token, scope: Scope) -> bool:
        """Whether one who was admitted would be admitted now."""
        return scope in token.scopes and self._tokens.holds(token)

    def needs(self, scope: Scope) -> Callable[[Request], Awaitable[Token]]:
        """`admit` as a dependency of a route."""

        async def admitted(request: Request) -> Token:
            return self.admit(request, scope)

        return admitted

    def _admit(self, connection: HTTPConnection, scope: Scope) -> Token:
        given = _given(connection)
        token = self._tokens.find(given) if given else None
        if token is None:
            line = "this token is not known, or no longer" if given else "a token is needed: Authorization: Bearer ..."
            raise errors.Refused(401, line, {"www-authenticate": "Bearer"})
        if scope not in token.scopes:
            raise errors.Refused(403, f"token '{token.name}' lacks the scope '{scope}'")
        bucket = self._buckets.setdefault(token.name, limits.Bucket(self._rate))
        if not bucket.take():
            line = f"token '{token.name}': more than {self._rate} requests a second"
            raise errors.Refused(429, line, {"retry-after": "1"}, retry=True)
        return token


def subprotocol(connection: HTTPConnection) -> str | None:
    """The one to choose for a WebSocket: "mia" where it is offered."""
    return SUBPROTOCOL if SUBPROTOCOL in connection.scope.get("subprotocols", []) else None


def _given(connection: HTTPConnection) -> str:
    """The token of a request, empty for none."""
    kind, _, value = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    for offered in connection.scope.get("subprotocols", []):
        if offered.startswith(_OFFERED):
            return offered.removeprefix(_OFFERED)
    return ""
