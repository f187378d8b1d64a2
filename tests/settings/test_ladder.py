"""Ladders in settings: what a step may say."""

from typing import Any

import pytest

from mia_ml.core.errors import ConfigError
from mia_ml.settings import base
from mia_ml.settings.ladder import Step


def refusal(**given: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        base.read(Step, {"adds": "something"} | given, "ladder.plan.steps.one")
    return str(refused.value)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"promise": [3, 2]}, "promise: [3.0, 2.0] must not fall: give the low end first"),
        ({"promise": [3]}, "promise is [3]: it must be"),
        ({"promises": [2, 3]}, "unknown setting 'promises': did you mean 'promise'?"),
        ({"rule": {"kind": "fixed", "value": 1.5}}, "rule.value is 1.5: it must be less than or equal to 1"),
        ({"rule": {"kind": "fix", "value": 0.5}}, "rule.kind is 'fix'"),
        ({"threshold": {"base": 0.25}}, "setting 'threshold.low' is missing"),
        ({"signals": 0}, "signals is 0: it must be greater than 0"),
    ],
)
def test_a_step_that_cannot_be_is_refused(given, answer):
    assert answer in refusal(**given)


def test_what_a_step_leaves_out_stays():
    step = base.read(Step, {"adds": "something"}, "step")
    assert step.model_dump(exclude={"adds"}) == dict.fromkeys(set(Step.model_fields) - {"adds"})
