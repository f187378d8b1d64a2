"""Which contract is traded on which day.

A volume roll takes effect the trading day after the crossover: the day after the next contract first traded more than
the one in front. It never goes back.
"""

from collections.abc import Mapping


def front(volumes: Mapping[int, Mapping[str, float]]) -> dict[int, str]:
    """The front contract of each trading day.

    volumes: day yyyymmdd -> contract symbol -> volume of that day. The first day's is the most traded.

    >>> front({1: {"ESH4": 90, "ESM4": 10}, 2: {"ESH4": 40, "ESM4": 60}, 3: {"ESH4": 30, "ESM4": 70}})
    {1: 'ESH4', 2: 'ESH4', 3: 'ESM4'}
    """
    out: dict[int, str] = {}
    left: set[str] = set()
    ahead = ""
    for day in sorted(volumes):
        traded = {symbol: volume for symbol, volume in volumes[day].items() if symbol not in left}
        if not traded:
            continue
        most = max(sorted(traded), key=lambda symbol: traded[symbol])
        if not out or ahead not in traded:  # the first day, or a contract whose data ended
            if out:
                left.add(out[max(out)])
            ahead = most
        out[day] = ahead
        if most != ahead:
            left.add(ahead)
            ahead = most
    return out
