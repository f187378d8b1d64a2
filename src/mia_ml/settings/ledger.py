"""Settings of the trial ledger; their units stand in conf/ledger."""

from mia_ml.settings.base import Section


class Ledger(Section):
    where: str
