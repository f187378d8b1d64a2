"""Settings of the stress tests; their units stand in conf/stress."""

from mia_ml.settings.base import Section


class Stress(Section):
    pass
