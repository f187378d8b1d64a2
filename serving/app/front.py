"""What every request passes first: is it meant for this machine, and does its answer carry the headers of safety.

A service on loopback can be reached from a web page through a name that an attacker points at 127.0.0.1 (DNS
rebinding); such a request carries that name in its Host header and is refused.
"""

import ipaddress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from serving.app import errors

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Front:
    """hosts: names that a Host header may have, None for any."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            begun = begun or message["type"] not in ("websocket.close",)
            await send(message)

        host = name_of(Headers(scope=scope).get("host", ""))
        if self._hosts is not None and host not in self._hosts:
            await refuse(errors.Refused(400, f"this service is not called '{host[:60]}'"), scope, receive, guarded)
            return
        try:
            await self._app(scope, receive, guarded)
        except errors.Refused as refused:
            await refuse(refused, scope, receive, guarded)
        except OSError:
            raise  # the peer is gone: the server knows
        except Exception as problem:
            line = errors.unexpected(problem)
            if not begun:
                await refuse(errors.Refused(500, line), scope, receive, guarded)
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1011, "reason": line[:120]})
            else:
                raise


async def refuse(refused: errors.Refused, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or the handshake of a WebSocket, with a refusal."""
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(refused.response())
    else:
        await refused.response()(scope, receive, send)


def name_of(host: str) -> str:
    """The name in a Host header, without its port.

    >>> name_of("Localhost:8400"), name_of("[::1]:8400"), name_of("::1")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return (host if host.count(":") > 1 else host.partition(":")[0]).lower()


def is_loopback(host: str) -> bool:
    """
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def hosts_of(host: str) -> frozenset[str] | None:
    """The names by which a service bound to `host` may be called; None, any, where others than this machine reach it.

    >>> sorted(hosts_of("127.0.0.1")), hosts_of("0.0.0.0")
    (['127.0.0.1', '::1', 'localhost'], None)
    """
    return frozenset({"localhost", "127.0.0.1", "::1", host.lower()}) if is_loopback(host) else None
