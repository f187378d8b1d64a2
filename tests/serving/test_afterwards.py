"""What waits for a free loop is done in order, all of it, and soon."""

import asyncio

import pytest

from serving.afterwards import Afterwards


def test_works_are_done_in_order_when_whoever_runs_gives_way():
    async def scenario():
        done = []
        afterwards = Afterwards(pytest.fail)
        afterwards.add(lambda: done.append(1))
        afterwards.add(lambda: done.append(2))
        assert done == []
        await asyncio.sleep(0)
        assert done == [1, 2]
        afterwards.add(lambda: done.append(3))
        afterwards.now()
        afterwards.add(lambda: done.append(4))
        assert done == [1, 2, 3]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert done == [1, 2, 3, 4]

    asyncio.run(scenario())


def test_one_that_fails_is_told_and_the_others_are_done():
    async def scenario():
        done, failed = [], []
        afterwards = Afterwards(lambda error: failed.append(str(error)))
        afterwards.add(lambda: done.append(1 / 0))
        afterwards.add(lambda: done.append(2))
        await asyncio.sleep(0)
        assert (done, failed) == ([2], ["division by zero"])

    asyncio.run(scenario())
