"""Everything mia-ml refuses, as one tree.

    MiaError
    |-- UsageError        a command, option or setting that cannot work        exit code 1 (2 from the parser)
    |-- SourceError       a vendor file that cannot be read, or stopped being readable
    |-- TableError        a canonical table that breaks its contract
    |-- CalendarError     a moment or a day the exchange calendar does not know
    |-- ConfigError       a setting with an unknown name, a wrong type or an impossible value
    `-- DataError         sound inputs that cannot carry the computation asked for

Each message is one line that names the file, the row or the setting, the value, and the remedy.
"""


class MiaError(Exception):
    """Base of every refusal; `mia` prints its text on one line and exits with 1."""


class UsageError(MiaError):
    """A command, option or setting that cannot work."""


class SourceError(MiaError):
    """A vendor file that cannot be read, or stopped being readable."""


class TableError(MiaError):
    """A canonical table that breaks its contract."""


class CalendarError(MiaError):
    """A moment or a day the exchange calendar does not know."""


class ConfigError(MiaError):
    """A setting with an unknown name, a wrong type or an impossible value."""


class DataError(MiaError):
    """Sound inputs that cannot carry the computation asked for."""


def refuse_unknown(kind: str, name: str, known: "list[str] | tuple[str, ...]") -> str:
    """The text that answers an unknown name with the nearest known one.

    >>> refuse_unknown("component", "vwap_tred", ["vwap_trend_rth", "vwap_trend"])
    "unknown component 'vwap_tred': did you mean 'vwap_trend'?"
    >>> refuse_unknown("source", "zzz", ["bars", "sierra"])
    "unknown source 'zzz': known are bars, sierra"
    """
    import difflib

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'?" if near else "known are " + ", ".join(known)
    return f"unknown {kind} '{name}': {hint}"
