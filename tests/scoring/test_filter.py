"""The filter, on a model whose probability a reader can set: one logistic term on the order book's imbalance."""

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mia_ml.backtest import execution
from mia_ml.confluence import decision
from mia_ml.core.errors import ConfigError, DataError
from mia_ml.core.instruments import INSTRUMENTS
from mia_ml.models.ensemble import ARRAYS, Ensemble, Member
from mia_ml.scoring import filter as filters
from mia_ml.scoring import table
from mia_ml.scoring.filter import Filter, Rule
from mia_ml.scoring.scorer import Scorer
from tests.confluence.conftest import rows

NAN = np.nan
INPUTS = ("order_book_imbalance", "vix", "side", "exceedance")
EXECUTION = execution.params(execution.Execution(), INSTRUMENTS["ES"])
RULE = Rule("break_even", 0.03)
ATR = 2.0  # points: 8 ticks of risk, 16 of target, 2.3 of cost: break-even .4292, with the margin .4592
MARK = (8 + 2.3) / (16 + 8) + 0.03


def model(coefficient=(10.0, 0.0, 0.0, 0.0), bias=0.0, members=1):
    """p = 1 / (1 + exp(-(bias + coefficient . x))); a missing input counts 0."""
    terms = len(coefficient)
    given_ = {
        "term_input": np.arange(terms),
        "term_indicator": np.zeros(terms),
        "term_fill": np.zeros(terms),
        "term_centre": np.zeros(terms),
        "term_scale": np.ones(terms),
        "term_coefficient": np.array(coefficient),
        "member_bias": [bias],
        "member_slope": [0.0],
        "member_intercept": [0.0],
        "member_weight": [1.0 / members],
    }
    arrays = {name: np.tile(np.asarray(given_.get(name, ()), dtype), members) for name, dtype in ARRAYS.items()}
    arrays["combination"] = np.array([0.0, 1e-6])
    return Ensemble(INPUTS, (Member("logistic", 0, terms, "none", 0),) * members, "average", arrays)


def filtered(formula, rows_, rule=RULE, ensemble=None):
    return Scorer(formula, Filter(ensemble or model(), rule, EXECUTION)).decide(rows_)


def actions(out):
    return [decision.ACTIONS[action] for action in out["action"]]


def test_the_pass_mark_is_above_break_even_at_the_signals_own_barriers(make_formula):
    out = filtered(make_formula(), rows([0, 0.9], order_book_imbalance=1.0, atr_5m=ATR))[1]
    assert out["pass_mark"] == pytest.approx(MARK)
    # 8.4 ticks of A: orders stand at 9 and at 17 ticks
    wider = filtered(make_formula(), rows([0, 0.9], order_book_imbalance=1.0, atr_5m=2.1))[1]
    assert wider["pass_mark"] == pytest.approx((9 + 2.3) / (17 + 9) + 0.03)


@pytest.mark.parametrize(("atr", "usual", "used"), [(2.0, 1.0, 2.0), (1.0, 2.0, 2.0), (NAN, 2.0, 2.0), (2.0, NAN, 2.0)])
def test_the_barrier_is_the_larger_of_the_two_known(make_formula, atr, usual, used):
    out = filtered(make_formula(), rows([0, 0.9], order_book_imbalance=1.0, atr_5m=atr, atr_5m_usual=usual))[1]
    assert out["pass_mark"] == pytest.approx(MARK)


@pytest.mark.parametrize("atr", [NAN, 0.0, -1.0, np.inf])
@pytest.mark.parametrize("rule", [Rule("break_even", 0.03), Rule("fixed", 0.0)])
def test_a_signal_without_a_barrier_does_not_pass(make_formula, atr, rule):
    out = filtered(make_formula(), rows([0, 0.9], order_book_imbalance=1.0, atr_5m=atr, atr_5m_usual=NAN), rule)
    assert actions(out) == ["none", "filtered"]
    assert np.isnan(out["pass_mark"][1])


def test_a_signal_without_a_probability_does_not_pass(make_formula):
    out = filtered(make_formula(), rows([0, 0.9], order_book_imbalance=np.inf, atr_5m=ATR), Rule("fixed", 0.0))
    assert actions(out) == ["none", "filtered"]
    assert np.isnan(out["probability"][1])


def test_the_literal_rule_is_one_level_for_all(make_formula):
    level = 1 / (1 + np.exp(-1.0))  # what an imbalance of .1 gives, .731
    for atr in (1.0, 5.0):
        out = filtered(make_formula(), rows([0, 0.9], order_book_imbalance=0.1, atr_5m=atr), Rule("fixed", 0.7))
        assert (out["pass_mark"][1], actions(out)[1]) == (0.7, "signal")
    out = filtered(make_formula(), rows([0, 0.9], order_book_imbalance=0.08, atr_5m=ATR), Rule("fixed", 0.7))
    assert actions(out)[1] == "filtered"
    assert level == pytest.approx(0.731, abs=1e-3)


def test_a_probability_on_the_mark_does_not_pass(make_formula):
    crossing = rows([0, 0.9], order_book_imbalance=0.0, atr_5m=ATR)  # p = .5
    assert actions(filtered(make_formula(), crossing, Rule("fixed", 0.5)))[1] == "filtered"
    assert actions(filtered(make_formula(), crossing, Rule("fixed", np.nextafter(0.5, 0))))[1] == "signal"


def test_only_crossings_meet_the_filter(make_formula):
    out = filtered(make_formula(), rows([0, 0.9, 0.9, NAN, 0], order_book_imbalance=1.0, atr_5m=ATR))
    assert list(~np.isnan(out["probability"])) == [False, True, False, False, False]
    assert list(~np.isnan(out["member"][:, 0])) == [False, True, False, False, False]
    assert np.isnan(out["member"][:, 1:]).all()


def test_the_model_sees_side_and_exceedance(make_formula):
    formula = make_formula(terms={"vwap_trend_globex": 1.0})
    out = filtered(formula, rows([0, 0.5, 0, -0.75], atr_5m=ATR), ensemble=model((0, 0, 1.0, 0.25)))
    # .5 is 2 thresholds up, .75 is 3 down: log-odds 1 + .25 x 2 and -1 + .25 x 3
    assert out["exceedance"][[1, 3]] == pytest.approx([2.0, 3.0])
    assert out["probability"][[1, 3]] == pytest.approx([1 / (1 + np.exp(-1.5)), 1 / (1 + np.exp(0.25))])


def test_a_component_told_along_the_side_speaks_for_the_signal(make_formula):
    inputs = ("along_order_book_imbalance", "vix", "side", "exceedance")
    chosen = Filter(dataclasses.replace(model((2.0, 0.0, 0.0, 0.0)), inputs=inputs), RULE, EXECUTION)
    data = rows([0, 0.9, 0, -0.9], order_book_imbalance=np.array([0, 0.5, 0, -0.5]), vix=17.0, atr_5m=ATR)
    out = Scorer(make_formula(), chosen).decide(data)
    assert out["probability"][[1, 3]] == pytest.approx([1 / (1 + np.exp(-1.0))] * 2)
    at = np.flatnonzero(out["crossing"])
    x = filters.inputs_of(data, at, out["crossing"][at], out["exceedance"][at], inputs)
    assert x[:, :3].tolist() == [[0.5, 17.0, 1.0], [0.5, 17.0, -1.0]]
    assert chosen.probabilities_of(inputs, x)[:, -1].tobytes() == out["probability"][at].tobytes()


def test_a_filtered_crossing_has_consumed_the_arm(make_formula):
    book = np.array([1.0, -1.0, 1.0, 1.0, 1.0])
    out = filtered(make_formula(), rows([0, 0.9, 0.9, 0, 0.9], order_book_imbalance=book, atr_5m=ATR))
    assert actions(out) == ["none", "filtered", "none", "none", "signal"]


def test_a_filtered_crossing_starts_no_cooldown(make_formula):
    book = np.array([1.0, -1.0, 1.0, 1.0, 1.0, 1.0])
    out = filtered(
        make_formula(cooldown_minutes=30), rows([0, 0.9, 0, 0.9, 0, 0.9], order_book_imbalance=book, atr_5m=ATR)
    )
    assert actions(out) == ["none", "filtered", "none", "signal", "none", "cooldown"]


def test_a_filtered_crossing_does_not_count_toward_the_days_limit(make_formula):
    book = np.array([1.0, -1.0, 1.0, 1.0, 1.0, 1.0])
    out = filtered(
        make_formula(max_signals_per_day=1), rows([0, 0.9, 0, 0.9, 0, 0.9], order_book_imbalance=book, atr_5m=ATR)
    )
    assert actions(out) == ["none", "filtered", "none", "signal", "none", "day_limit"]


def test_the_filter_comes_before_the_cooldown(make_formula):
    book = np.array([1.0, 1.0, 1.0, -1.0])
    out = filtered(make_formula(cooldown_minutes=30), rows([0, 0.9, 0, 0.9], order_book_imbalance=book, atr_5m=ATR))
    assert actions(out) == ["none", "signal", "none", "filtered"]


def by_hand(formula, rows_, rule_value):
    """Actions by the page: armed inside, filter, cooldown, limit; plain Python, of a one-term formula."""
    record, out = formula.record[0], []
    armed, before, day, signals, last = False, NAN, None, 0, None
    for row in rows_:
        if row["day"] != day:
            armed, before, day, signals, last = False, NAN, row["day"], 0, None
        score = row["vwap_trend_globex"]
        threshold = record["threshold"][int(row["volatility_regime"])]
        action = "none"
        if not np.isnan(score):
            if armed and abs(score) > threshold and abs(before) <= threshold:
                x = np.array([row["order_book_imbalance"], row["vix"], np.sign(score), abs(score) / threshold])
                p = 1 / (1 + np.exp(-float(np.nan_to_num(x) @ np.array([2.0, 0.1, 0.3, 0.2]) - 1.0)))
                barrier = np.fmax(row["atr_5m"], row["atr_5m_usual"])
                risk, target = (max(np.ceil(times * barrier / 0.25 - 1e-6), 1) for times in (1, 2))
                if not (barrier > 0 and p > (risk + 2.3) / (risk + target) + rule_value):
                    action = "filtered"
                elif last is not None and row["ts"] - last < record["cooldown_ns"]:
                    action = "cooldown"
                elif signals >= record["most_signals"]:
                    action = "day_limit"
                else:
                    action, signals, last = "signal", signals + 1, row["ts"]
            armed, before = abs(score) <= threshold, score
        out.append(action)
    return out


def random_rows(seed, n=400):
    rng = np.random.default_rng(seed)

    def some(values, missing):
        values[rng.random(n) < missing] = NAN
        return values

    return rows(
        some(rng.choice([0.0, 0.1, -0.2, 0.4, -0.6], n), 0.1),
        day=20240304 + np.arange(n) // 100,
        volatility_regime=rng.integers(0, 4, n),
        order_book_imbalance=some(rng.uniform(-1, 1, n), 0.1),
        vix=some(rng.uniform(-2, 2, n), 0.1),
        atr_5m=some(rng.uniform(0.2, 4, n), 0.2),
        atr_5m_usual=some(rng.uniform(0.2, 4, n), 0.2),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), cooldown=st.sampled_from([0, 5, 15]), most=st.integers(1, 8))
def test_every_action_is_the_one_by_hand(make_formula, seed, cooldown, most):
    formula = make_formula(terms={"vwap_trend_globex": 1.0}, cooldown_minutes=cooldown, max_signals_per_day=most)
    data = random_rows(seed)
    out = filtered(formula, data, ensemble=model((2.0, 0.1, 0.3, 0.2), bias=-1.0))
    assert actions(out) == by_hand(formula, data, 0.03)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 400))
def test_research_at_once_equals_live_row_by_row(make_formula, seed, cut):
    formula, data = make_formula(cooldown_minutes=2), random_rows(seed)
    chosen = Filter(model((2.0, 0.1, 0.3, 0.2), bias=-1.0), Rule("break_even", 0.03), EXECUTION)
    whole = Scorer(formula, chosen).decide(data)
    assert {"filtered", "signal"} <= set(actions(whole))
    first, second = Scorer(formula, chosen), Scorer(formula, chosen)
    parts = [first.decide(data[:cut])]
    second.restore(first.snapshot())
    parts += [second.decide(data[k : k + 1]) for k in range(cut, data.size)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_without_a_filter_every_crossing_goes_on(make_formula):
    data = random_rows(1)
    formula = make_formula(terms={"vwap_trend_globex": 1.0})
    plain, all_pass = Scorer(formula).decide(data), filtered(formula, data, ensemble=model(bias=30.0))
    traded = np.fmax(data["atr_5m"], data["atr_5m_usual"]) > 0
    same = plain["crossing"] == all_pass["crossing"]
    assert same.all()
    for name in ("score", "threshold", "exceedance", "raw"):
        np.testing.assert_array_equal(plain[name], all_pass[name])
    assert set(np.array(actions(all_pass))[~traded & (plain["crossing"] != 0)]) == {"filtered"}


def test_each_member_has_its_column(make_formula):
    formula = make_formula()
    scorer = Scorer(formula, Filter(model(members=2), Rule("break_even", 0.03), EXECUTION))
    data = rows([0, 0.9], order_book_imbalance=0.1, atr_5m=ATR)
    columns = table.columns(data, scorer.decide(data), formula.terms, scorer.filter.members)
    assert [name for name in columns if name.startswith("probability")] == [
        "probability", "probability_logistic", "probability_logistic_2",
    ]  # fmt: skip
    assert columns["probability_logistic_2"][1] == columns["probability"][1] == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert columns["exceedance"][1] == pytest.approx(0.54 / 0.25)


def test_five_models_are_more_than_a_decision_shows():
    with pytest.raises(DataError, match="an ensemble of 5 models: a decision shows at most 4"):
        Filter(model(members=5), Rule("fixed", 0.7), EXECUTION)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (("vixx", "rvol", "side", "exceedance"), "model inputs: unknown feature 'vixx': did you mean 'vix'?"),
        (("close", "rvol", "side", "exceedance"), "unknown feature 'close'"),
        (("along_vix", "rvol", "side", "exceedance"), "only a component has a direction, vix has none"),
        (("rvol", "vix", "exceedance", "side"), "then side and exceedance, are needed"),
        (("rvol", "side", "vix", "exceedance"), "then side and exceedance, are needed"),
    ],
)
def test_a_model_that_asks_for_what_no_row_has_is_refused(inputs, text):
    with pytest.raises(DataError, match="model inputs") as caught:
        Filter(dataclasses.replace(model(), inputs=inputs), Rule("fixed", 0.7), EXECUTION)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (INPUTS[:-1], "column 'exceedance' is missing"),
        ((*INPUTS, "rvol"), "column 'rvol' is no model input"),
        (
            ("vix", "order_book_imbalance", *INPUTS[2:]),
            "column 1 is 'vix' where the models take 'order_book_imbalance'",
        ),
        (("vix", "vix", *INPUTS[2:]), "column 'vix' stands twice"),
    ],
)
def test_columns_are_matched_by_name(names, text):
    with pytest.raises(DataError) as caught:
        Filter(model(), Rule("fixed", 0.7), EXECUTION).probabilities_of(names, np.zeros((3, len(names))))
    assert text in str(caught.value)


def test_retyped_columns_are_refused():
    with pytest.raises(DataError, match="float32"):
        Filter(model(), Rule("fixed", 0.7), EXECUTION).probabilities_of(INPUTS, np.zeros((3, 4), np.float32))


def test_a_batch_gives_the_bits_of_the_decisions(make_formula):
    data = random_rows(3)
    chosen = Filter(model((2.0, 0.1, 0.3, 0.2)), Rule("break_even", 0.03), EXECUTION)
    out = Scorer(make_formula(), chosen).decide(data)
    crossed = out["crossing"] != 0
    x = np.column_stack([data["order_book_imbalance"], data["vix"], out["crossing"], out["exceedance"]])[crossed]
    batch = chosen.probabilities_of(INPUTS, x)
    assert batch[:, -1].tobytes() == out["probability"][crossed].tobytes()


@pytest.mark.parametrize("rule", [Rule("break_even", 0.03), Rule("fixed", 0.5)])
def test_signals_asked_about_at_once_pass_as_row_by_row(make_formula, rule):
    data = random_rows(5)
    chosen = Filter(model((2.0, 0.1, 0.3, 0.2)), rule, EXECUTION)
    out = Scorer(make_formula(), chosen).decide(data)
    crossed = np.flatnonzero(out["crossing"])
    passed = chosen.passes(data, crossed, out["crossing"][crossed], out["exceedance"][crossed])
    assert passed.tolist() == (out["action"][crossed] != decision.FILTERED).tolist()
    assert 0 < passed.sum() < crossed.size
    assert chosen.passes(data, *(np.zeros(0, np.int64),) * 2, np.zeros(0)).shape == (0,)


@pytest.mark.parametrize(("kind", "value"), [("break_even", NAN), ("break_even", 1.5), ("fixed", -0.1), ("odd", 0.5)])
def test_impossible_rules_are_refused(kind, value):
    with pytest.raises(ConfigError, match="rule"):
        Rule(kind, value)
