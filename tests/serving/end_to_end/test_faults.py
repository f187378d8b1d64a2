"""What goes wrong around the running service: it is stopped, its disk is full, a listener does not listen."""

import asyncio
import contextlib
import json
import resource
import socket as sockets
import subprocess
import time

import pytest
from websockets.exceptions import ConnectionClosed

from tests.serving.end_to_end.clients import Feed, Listener, socket, together
from tests.serving.end_to_end.running import STOP_S
from tests.serving.end_to_end.test_day import sizes
from tests.serving.live_world import decision_of, on_disk


def test_a_stop_in_the_middle_loses_nothing(market, tmp_path):
    """SIGTERM while a feed sends; its sockets are closed in order, and the next start goes on."""
    with market.serve(tmp_path) as service:
        feed, listener = Feed("ws", market.world.messages, sizes(2), market.close_ns), Listener()

        async def stop() -> float:
            while feed.position < len(market.world.messages) // 2:
                await asyncio.sleep(0.001)
            began = time.perf_counter()
            assert await asyncio.to_thread(service.stop) == 0
            took = time.perf_counter() - began
            await asyncio.to_thread(service.start)
            assert took < STOP_S
            print(f"stopped in {took:.2f} s")

        asyncio.run(together(feed.send(service), listener.listen(service, len(market.lines)), stop()))
        assert listener.of() == market.lines
        assert listener.connections >= 2
    assert [decision_of(line) for line in on_disk(service.state)] == market.lines
    assert not [line for line in service.logged() if line["level"] == "error"]


class Limit:
    """No file of the process may grow beyond some bytes: its writes fail as on a full disk, without one.

    The second time the log and the journal of a day fit, and the state of an engine at its end does not.
    """

    words = "File too large"
    begin = (0.3, 0.4)

    def __init__(self) -> None:
        self.at_the_turn = False

    def full(self, service) -> None:
        logs = [path.stat().st_size for path in (service.state / "days").rglob("*.log")]
        self._set(service, 1_700_000 if self.at_the_turn else max(logs) + 2_000)
        self.at_the_turn = True

    def free(self, service) -> None:
        self._set(service, resource.RLIM_INFINITY)

    def _set(self, service, room: int) -> None:
        _, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (room, hard))

    @contextlib.contextmanager
    def disk(self, folder):
        yield


class Small:
    """A disk of its own that something else fills; only where the tests may mount one."""

    words = "No space left on device"
    begin = (0.3,)

    @contextlib.contextmanager
    def disk(self, folder):
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("no disk can be mounted here")
        try:
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)

    def full(self, service) -> None:
        with (service.state / "ballast").open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65_536))
                file.flush()

    def free(self, service) -> None:
        (service.state / "ballast").unlink()


@pytest.mark.parametrize("disk", [Limit(), Small()], ids=["limit", "disk"])
def test_a_full_disk_is_said_and_when_there_is_room_everything_goes_on(market, tmp_path, disk):
    with disk.disk(tmp_path / "live"), market.serve(tmp_path) as service:
        feed, listener = Feed("ws", market.world.messages, sizes(3), market.close_ns), Listener()
        said = []

        async def status_is(wanted: int) -> bytes:
            while True:
                status, body = await asyncio.to_thread(service.request, "/ready")
                if status == wanted:
                    return body
                await asyncio.sleep(0.02)

        async def fill() -> None:
            for share in disk.begin:
                while feed.position < len(market.world.messages) * share:
                    await asyncio.sleep(0.001)
                disk.full(service)
                said.append(json.loads(await status_is(503))["why"][0])
                heard = len(listener.lines)
                await asyncio.sleep(0.3)
                assert len(listener.lines) == heard
                assert [decision_of(line) for line in on_disk(service.state)] == listener.of()
                disk.free(service)
                await status_is(200)

        works = (feed.send(service), listener.listen(service, len(market.lines)), fill())
        asyncio.run(together(*works, seconds=60))
        assert len(said) == len(disk.begin)
        assert all(disk.words in line and "\n" not in line for line in said)
        retries = [reply for reply in feed.replies if reply["type"] == "error"]
        assert retries
        assert all(reply["retry"] for reply in retries)
        assert listener.of() == market.lines
        assert service.stop() == 0
        assert [decision_of(line) for line in on_disk(service.state)] == market.lines


def test_a_listener_that_does_not_listen_is_let_go_and_comes_back(market, tmp_path):
    with market.serve(tmp_path, limits={"queue": 300}) as service:
        feed, listener, slow = Feed("ws", market.world.messages, sizes(4, 50), market.close_ns), Listener(), Listener()

        async def run() -> None:
            plain = sockets.socket()
            plain.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
            plain.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_MAXSEG, 536)  # or the kernel holds megabytes for it
            plain.connect(("127.0.0.1", service.port))
            plain.setblocking(False)
            async with socket(service, "/ws/decisions?since=0", sock=plain, max_queue=1, ping_interval=None) as deaf:
                await together(feed.send(service), listener.listen(service, len(market.lines)))
                with contextlib.suppress(ConnectionClosed):
                    async for message in deaf:
                        slow.hear(message)
            assert deaf.close_code in (1013, 1006)  # told, or cut off with what it had not read
            assert slow.cursor < len(market.lines)
            await together(slow.listen(service, len(market.lines)))

        asyncio.run(run())
        assert listener.of() == slow.of() == market.lines
        assert listener.connections == 1
        _, metrics = service.request("/metrics")
        assert "mia_listeners_let_go_total 1.0" in metrics.decode()
