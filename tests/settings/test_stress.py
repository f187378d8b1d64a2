"""Stress in settings: periods are days that rise."""

import pytest

from mia_ml.core.errors import ConfigError
from mia_ml.settings import base
from mia_ml.settings.stress import Stress
from tests.evaluation import worlds

SHIPPED = worlds.SHIPPED.stress.model_dump()


@pytest.mark.parametrize(
    ("periods", "answer"),
    [
        ({"war": ["2022-02-24", "2022-02-23"]}, "stress: periods: war ends on 2022-02-23, before 2022-02-24"),
        ({"war": ["2022-02-24", "today"]}, "stress: periods: war: 'today' is not a date: write it as 2023-12-26"),
        ({"war": ["2022-02-24"]}, "stress: periods.war is ['2022-02-24']: it must be"),
    ],
)
def test_periods_that_are_none_are_refused(periods, answer):
    with pytest.raises(ConfigError) as refused:
        base.read(Stress, SHIPPED | {"periods": periods}, "stress")
    assert str(refused.value).startswith(answer)


def test_a_day_is_a_period():
    given = SHIPPED | {"periods": {"crash": ["1987-10-19", "1987-10-19"]}}
    assert base.read(Stress, given, "stress").periods["crash"] == ["1987-10-19", "1987-10-19"]
