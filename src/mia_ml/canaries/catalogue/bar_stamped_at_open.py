"""Bars carry the time of their open and are used from then on.

Most vendors stamp bars at their start. Read as "known at", the close of a bar is there a bar too early, in every
feature at once.
"""

from mia_ml.canaries import claims
from mia_ml.canaries.claims import Claims
from mia_ml.canaries.history import History
from mia_ml.core.moments import MINUTE


def leaking(history: History) -> Claims:
    return claims.values(history.rows["ts"] - MINUTE, close=history.rows["close"])


def clean(history: History) -> Claims:
    return claims.values(history.rows["ts"], close=history.rows["close"])
