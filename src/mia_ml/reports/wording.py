"""Figures and names as a reader takes them: a unit on every number, words where there is none."""

import math
import re
from dataclasses import replace

from mia_ml.core import figures
from mia_ml.metrics.estimate import Estimate

NAMES = {
    "n_trades": "trades",
    "n_days": "trading days",
    "break_even_win_rate": "break-even win rate",
    "false_signals": "false signals",
    "expectancy_r": "expectancy a trade, net",
    "average_win_over_loss": "average win / average loss",
    "net_usd": "net result",
    "signals_change": "number of signals",
    "psr": "probabilistic Sharpe ratio (PSR)",
    "dsr": "deflated Sharpe ratio (DSR)",
    "dsr_raw_n": "DSR, every configuration counted",
    "dsr_inner": "DSR in sample, against the inner trials",
    "pbo": "probability of backtest overfitting (PBO)",
    "spa_p": "superior predictive ability (SPA), p",
    "twins_p": "as good by random entry, p",
    "min_track_record_days": "minimum track record",
    "min_backtest_years": "minimum backtest length",
    "tuned_filtered": "tuned and filtered",
    "tuned": "tuned, no filter",
    "configured": "as configured",
    "ml": "ML filter",
    "mtf": "MTF confluence",
}
"""Words for names where those of the gates are none or too long; a name in neither is shown with spaces."""
SPELT = {"us": "US", "covid": "COVID", "mtf": "MTF", "vwap": "VWAP", "rth": "RTH", "globex": "Globex", "usd": "USD"}

SHARES = ("share",)
WHOLE = ("trades", "signals", "trading days", "days", "configurations", "USD", "rows")
SIGNED_DECIMALS = {"R": 3, "points": 1, "rank correlation": 3}
DECIMALS = {
    "ratio": 2,
    "per sqrt(year)": 2,
    "probability": 3,
    "p": 3,
    "years": 1,
    "signals/month": 1,
    "trades/month": 1,
}
SUFFIX = {
    "ratio": "",
    "probability": "",
    "p": "",
    "rank correlation": "",
    "per sqrt(year)": "/√yr",
    "signals/month": "a month",
    "trades/month": "a month",
    "trades": "",
    "signals": "",
    "trading days": "days",
}
"""What stands behind a number where that is not its unit; the name of a ratio, a probability or a count says it."""

MOST_IN_CHART = 23  # characters of a name in a chart
GAP, MINUS = "\u00a0", "\u2212"
_NEGATIVE = re.compile(r"(?<![^\s(\[])-(?=\d)")


def name(key: str) -> str:
    """
    >>> name("dsr"), name("max_drawdown"), name("us_election_2016")
    ('deflated Sharpe ratio (DSR)', 'maximum drawdown', 'US election 2016')
    """
    known = figures.FIGURES.get(key)
    spelt = " ".join(SPELT.get(word, word) for word in key.split("_"))
    return NAMES.get(key) or (known.words if known else spelt)


def short(key: str) -> str:
    """A name where there is little room.

    >>> short("tuned"), short("a_name_that_somebody_could_not_end")
    ('tuned, no filter', 'a name that somebody c…')
    """
    full = name(key)
    return full if len(full) <= MOST_IN_CHART else full[: MOST_IN_CHART - 1].rstrip() + "…"


def capital(text: str) -> str:
    """
    >>> capital("win rate of ES")
    'Win rate of ES'
    """
    return text[:1].upper() + text[1:]


def typeset(text: str) -> str:
    """A text made for terminals, with the signs of this page.

    >>> typeset("win rate of 57-62 % -> 78 %, expectancy -0.02 to 0.1 R [-0.02, 0.1]")
    'win rate of 57-62 % → 78 %, expectancy −0.02 to 0.1 R [−0.02, 0.1]'
    """
    return _NEGATIVE.sub(MINUS, text.replace("->", "→"))


def in_points(figure: Estimate, difference: bool = False) -> Estimate:
    """A difference of shares of trades, told in points; any other figure as it is.

    >>> in_points(Estimate("win_rate_minus_break_even", 0.013, -0.01, 0.03, "share")).unit
    'points'
    """
    of_shares = difference and figure.unit == "share" and figure.name != "signals_change"
    if figure.name != "win_rate_minus_break_even" and not of_shares:
        return figure
    return replace(figure, value=100 * figure.value, low=100 * figure.low, high=100 * figure.high, unit="points")


def number(value: float, unit: str, sign: bool = False) -> str:
    """A value with its unit; what is not known is said.

    >>> number(0.0213, "share of capital"), number(0.0213, "R"), number(-1234.5, "USD"), number(float("nan"), "R")
    ('2.1\\xa0%', '+0.021\\xa0R', '−1,234\\xa0USD', 'not known')
    """
    if math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "unlimited" if value > 0 else "unlimited, negative"
    if unit.split(" ")[0] in SHARES:
        digits, suffix = _fixed(100 * value, 1, sign), "%"
    elif unit in SIGNED_DECIMALS:
        digits, suffix = _fixed(value, SIGNED_DECIMALS[unit], sign=True), SUFFIX.get(unit, unit)
    elif unit in WHOLE:
        digits, suffix = _fixed(value, 0, sign), SUFFIX.get(unit, unit)
    elif unit in DECIMALS:
        digits, suffix = _fixed(value, DECIMALS[unit], sign), SUFFIX.get(unit, unit)
    else:
        digits, suffix = f"{value:{'+' if sign else ''},.4g}", unit
    return (digits + (GAP + suffix if suffix else "")).replace("-", MINUS)


def _fixed(value: float, decimals: int, sign: bool) -> str:
    """Without a minus before nothing but zeros."""
    value = round(value, decimals) + 0.0
    return f"{value:{'+' if sign else ''},.{decimals}f}"


def bare(value: float, unit: str, sign: bool = False) -> str:
    """Without the unit, which then stands above the column.

    >>> bare(0.0213, "R"), bare(0.5, "share")
    ('+0.021', '50.0')
    """
    return number(value, unit, sign).partition(GAP)[0]


def interval(low: float, high: float, unit: str, sign: bool = False) -> str:
    """
    >>> interval(0.012, 0.034, "share"), interval(float("nan"), float("nan"), "R")
    ('1.2 to 3.4\\xa0%', '')
    """
    if math.isnan(low) and math.isnan(high):
        return ""
    return f"{bare(low, unit, sign)} to {number(high, unit, sign)}"


def stated(figure: Estimate) -> str:
    """
    >>> stated(Estimate("profit_factor", float("nan"), 0, 0, "ratio", undecidable="no losing trade"))
    'undecidable: no losing trade'
    """
    return number(figure.value, figure.unit) if figure.decided else f"undecidable: {why(figure)}"


def why(figure: Estimate) -> str:
    """Why a figure does not stand."""
    return figure.undecidable or "not known"


def level(figure: Estimate) -> str:
    """
    >>> level(Estimate("win_rate", 0.5, 0.4, 0.6, "share", level=0.975))
    '97.5\\xa0%'
    """
    return f"{100 * figure.level:.4g}{GAP}%"


def day(yyyymmdd: int) -> str:
    """
    >>> day(20240305)
    '2024-03-05'
    """
    text = f"{yyyymmdd:08d}"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def duration(seconds: int) -> str:
    """
    >>> duration(5), duration(90), duration(6000), duration(86_400)
    ('5 s', '90 s', '100 min', '24 h')
    """
    if seconds % 3600 == 0 and seconds >= 3 * 3600:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
