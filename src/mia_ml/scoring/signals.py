"""What of the decisions is sent to execution."""

import numpy as np

from mia_ml.backtest import records
from mia_ml.confluence import decision


def signals_of(rows: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """SIGNAL records of the DECISIONs of these ROWs that fired."""
    fired = decided["action"] == decision.SIGNAL
    taken = decided[fired]
    return records.signals(taken["ts"], taken["day"], taken["crossing"], records.barrier_points(rows)[fired])
