"""Figures and limits as a reader is shown them."""

import math

_SHARES = ("share", "share of capital", "share of the peak")
_FORMS = {  # of a measured value and of a written limit, and the unit behind them
    "R": ("{:+.3f}", "{:g}", " R"),
    "USD": ("{:+,.0f}", "{:,g}", " USD"),
    "trades": ("{:,.0f}", "{:,g}", ""),
    "trading days": ("{:,.0f}", "{:,g}", ""),
    "signals": ("{:,.0f}", "{:,g}", ""),
    "signals/month": ("{:.1f}", "{:g}", ""),
    "trades/month": ("{:.1f}", "{:g}", ""),
    "probability": ("{:.3f}", "{:.4g}", ""),
}


def number(unit: str, value: float) -> str:
    """A value as a reader is shown it.

    >>> number("R", -0.0213), number("share", 0.6134), number("trades", 14208.0), number("ratio", float("nan"))
    ('-0.021 R', '61.3 %', '14,208', 'not known')
    """
    return _formed(unit, 0, value)


def limit(unit: str, value: float) -> str:
    """A bound as it was written.

    >>> limit("R", 0), limit("share", 0.63), limit("ratio", 1.15), limit("probability", 0.95)
    ('0 R', '63 %', '1.15', '0.95')
    """
    return _formed(unit, 1, value)


def interval(unit: str, low: float, high: float) -> str:
    """
    >>> interval("R", -0.1, 0.06), interval("share", 0.4, 0.5)
    ('-0.100 to +0.060 R', '40.0 to 50.0 %')
    """
    ending = " %" if unit in _SHARES else _FORMS.get(unit, ("", "", ""))[2]
    return f"{number(unit, low).removesuffix(ending)} to {number(unit, high)}"


def percent(level: float) -> str:
    """
    >>> percent(0.95), percent(1 - 0.05 / 6)
    ('95 %', '99.17 %')
    """
    return f"{100 * level:.4g} %"


def _formed(unit: str, which: int, value: float) -> str:
    if math.isnan(value):
        return "not known"
    if unit in _SHARES:
        return ("{:.1f} %", "{:g} %")[which].format(round(100 * value, 10))
    forms = _FORMS.get(unit, ("{:.2f}", "{:g}", ""))
    return forms[which].format(value) + forms[2]
