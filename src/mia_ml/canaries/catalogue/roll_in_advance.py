"""The contract with the most volume of the day is traded from that day's open.

Which one that is, the close says. Continuous series built by same-day volume switch before anyone could have known, as
a rule in the direction of the day.
"""

import numpy as np

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.datasets import roll


def leaking(history: History) -> Claims:
    volumes = history.volumes
    days = np.unique(volumes["day"])
    most = []
    for day in days:
        own = volumes[volumes["day"] == day]
        most.append(own["contract"][int(np.argmax(own["volume"]))])
    return _traded(history, days, np.array(most))


def clean(history: History) -> Claims:
    """From the day after the crossover: what the days before each one say."""
    by_day: dict[int, dict[str, float]] = {}
    for row in history.volumes:
        by_day.setdefault(int(row["day"]), {})[str(row["contract"])] = float(row["volume"])
    if not by_day:
        return Claims()
    last = max(by_day)
    following = history.sessions["day"][history.sessions["day"] > last][:1].tolist()
    front = roll.front(by_day | dict.fromkeys(following, by_day[last]))
    days = np.array(sorted(front)[1:])  # before the first there is nothing to go by
    return _traded(history, days, np.array([int(front[int(day)]) for day in days]))


def _traded(history: History, days: np.ndarray, contract: np.ndarray) -> Claims:
    opens_ns = history.sessions["open_ns"][np.searchsorted(history.sessions["day"], days)]
    return claims.values(opens_ns, contract=contract)
