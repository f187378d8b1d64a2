"""Decisions of the champion that act, posted to a URL: in order, at least once.

    POST <url>
    Idempotency-Key: 17                      the decision's number
    X-Mia-Signature: t=1703545200,v1=<hex>   HMAC-SHA256 of "<t>.<body>", where MIA_WEBHOOK_SECRET is set
    {"number": 17, ...}                      the line of the journal

An answer 2xx confirms. Another one, or none, is tried again with growing pauses for as long as it takes, and what is
behind it waits; only 4xx is final (but 408, 425 and 429): the receiver says that it will never take this one. Since a
decision can so arrive late, its receiver looks at `live.ts_decided`. The number up to which all is confirmed stands in
a file that is replaced whole: after a restart what was not confirmed is posted again, perhaps a second time, with the
same key. The first time ever it begins with what comes next.
"""

import asyncio
import hashlib
import hmac
import logging
import os
import time
from pathlib import Path

import httpx
import msgspec

from mia_ml.core.errors import DataError
from mia_ml.settings.serve import Webhook
from serving.app import logs
from serving.app.desk import Desk
from serving.day.rail import CHAMPION

NAME = "webhook.json"
SECRET = "MIA_WEBHOOK_SECRET"
FIRST_S, LONGEST_S = 0.5, 30.0
"""Pauses between attempts double from the first to the longest."""
IDLE_S = 5.0
CHUNK = 200
AGAIN = (408, 425, 429)
_LOG = logging.getLogger("mia.webhook")


class _Live(msgspec.Struct):
    act: bool


class _Line(msgspec.Struct):
    number: int
    role: str
    live: _Live


class _Confirmed(msgspec.Struct):
    number: int


_LINE = msgspec.json.Decoder(_Line)


class Poster:
    """folder: the state of the service. secret: of the signature, empty for none."""

    def __init__(
        self,
        desk: Desk,
        chosen: Webhook,
        folder: Path,
        secret: str = "",
        pauses_s: tuple[float, float] = (FIRST_S, LONGEST_S),
    ) -> None:
        assert chosen.url is not None
        self._desk = desk
        self._url = httpx.URL(chosen.url)
        self._timeout_s = chosen.timeout_s
        self._path = folder / NAME
        self._secret = secret.encode()
        self._pauses_s = pauses_s

    async def run(self) -> None:
        """Post what is decided from now on; never ends. To be started once the journal is there. Raises DataError for
        a cursor file that is none."""
        news = self._desk.hub.watch()
        try:
            cursor = self._begin()
            async with httpx.AsyncClient(timeout=self._timeout_s, follow_redirects=False) as client:
                while True:
                    news.clear()
                    cursor = await self._post_behind(client, cursor)
                    try:
                        async with asyncio.timeout(IDLE_S):
                            await news.wait()
                    except TimeoutError:
                        pass
        finally:
            self._desk.hub.unwatch(news)

    def _begin(self) -> int:
        if not self._path.is_file():
            number = int(self._desk.state()["decisions"]["number"])
            self._confirm(number)
            return number
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Confirmed).number
        except msgspec.MsgspecError as error:
            raise DataError(f"{self._path}: {error}; it holds the last decision that was posted") from None

    async def _post_behind(self, client: httpx.AsyncClient, cursor: int) -> int:
        """Post all that is behind the cursor; where it is then."""
        while lines := list(self._desk.decisions(cursor, CHUNK)):
            last = int(self._desk.state()["decisions"]["number"])
            for line in lines:
                told = _LINE.decode(line)
                if told.live.act and told.role == CHAMPION:
                    await self._deliver(client, told.number, line.strip())
                    self._confirm(told.number)
                cursor = told.number
                self._desk.metrics.webhook_behind.set(last - cursor)
            self._confirm(cursor)
            await asyncio.sleep(0)
        return cursor

    async def _deliver(self, client: httpx.AsyncClient, number: int, body: bytes) -> None:
        """Until it is confirmed or refused for good."""
        pause_s, longest_s = self._pauses_s
        while True:
            try:
                answer = await client.post(self._url, content=body, headers=self._headers(number, body))
            except httpx.HTTPError as error:
                why, final = type(error).__name__, False
            else:
                if answer.is_success:
                    return
                why, final = str(answer.status_code), answer.is_client_error and answer.status_code not in AGAIN
            self._desk.metrics.webhook_failures.labels(why).inc()
            if final:
                _LOG.error("decision %d: the webhook refuses it for good with %s", number, why)
                return
            _LOG.warning("decision %d: the webhook failed with %s, again in %.1f s", number, why, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, longest_s)

    def _headers(self, number: int, body: bytes) -> dict[str, str]:
        headers = {"content-type": "application/json", "idempotency-key": str(number), "user-agent": "mia-ml"}
        if self._secret:
            headers["x-mia-signature"] = signature(self._secret, int(time.time()), body)
        return headers

    def _confirm(self, number: int) -> None:
        beside = self._path.with_suffix(".tmp")
        try:
            beside.write_bytes(msgspec.json.encode(_Confirmed(number)))
            os.replace(beside, self._path)
        except OSError as error:  # posted again after a restart, no worse
            _LOG.warning("%s: %s", self._path.name, error.strerror)


def signature(secret: bytes, time_s: int, body: bytes) -> str:
    """
    >>> signature(b"secret", 1703545200, b"{}")[:30]
    't=1703545200,v1=50d3e49c1bf2c8'
    """
    signed = f"{time_s}.".encode() + body
    return f"t={time_s},v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}"


def secret_of_environment() -> str:
    """The secret, which no log shows from now on."""
    secret = os.environ.get(SECRET, "")
    logs.hide(secret)
    return secret
