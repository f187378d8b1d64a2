"""The trading days in data/tables, as the stages behind ingest see them."""

from mia_ml.datasets import days
from mia_ml.settings import Settings
from pipelines import TABLES


def trading_days(chosen: Settings) -> tuple[days.Days, bool]:
    """The days of the configured instrument, and whether they come as bars (a source without trades and book)."""
    native = days.is_native(TABLES)
    return days.plan(TABLES, chosen.instrument.root, chosen.instrument.calendar, native), native
