"""How much is let in: requests of a token, messages of a connection, bytes of a body."""

import asyncio
import time

from starlette.requests import Request

from serving.app import errors

BODY_S = 30.0
"""A body that takes longer to arrive is given up."""


class Bucket:
    """A token bucket: `rate` a second, and as much at once.

    >>> bucket = Bucket(2, now_s=0.0)
    >>> [bucket.wait_s(now_s=0.0) for _ in range(4)], bucket.wait_s(now_s=9.0)
    ([0.0, 0.0, 0.5, 1.0], 0.0)
    """

    def __init__(self, rate: float, now_s: float | None = None) -> None:
        self._rate = rate
        self._left = rate
        self._at_s = time.monotonic() if now_s is None else now_s

    def wait_s(self, now_s: float | None = None) -> float:
        """Take one, on credit if need be: how long until it is covered."""
        self._fill(now_s)
        self._left -= 1
        return max(0.0, -self._left / self._rate)

    def take(self, now_s: float | None = None) -> bool:
        """Take one if there is one."""
        self._fill(now_s)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _fill(self, now_s: float | None) -> None:
        now_s = time.monotonic() if now_s is None else now_s
        self._left = min(self._rate, self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s


async def body(request: Request, most: int) -> bytes:
    """The body of a request. Raises Refused as soon as it is known to be longer than `most` bytes."""
    too_long = errors.Refused(413, f"a body of more than {most:,} bytes")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 18 or int(announced) > most:
        raise too_long
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                found += chunk
                if len(found) > most:
                    raise too_long
    except TimeoutError:
        raise errors.Refused(408, f"the body did not arrive within {BODY_S:.0f} s") from None
    return bytes(found)
