"""What a simulated market looks like, and that its truth is the truth."""

import itertools

import numpy as np
import pytest

from mia_ml.core import moments
from mia_ml.sources import simulator
from mia_ml.sources.simulator import World, chain, statistics
from mia_ml.sources.simulator.world import COMPONENTS
from tests.sources.simulator_days import read_days, table

TICK = 0.25
COST_TICKS = 2.3
WORLD = World(seed=11, days=6, intensity=0.1)


@pytest.fixture(scope="module")
def days():
    return [day for _, day in read_days(WORLD)]


@pytest.fixture(scope="module")
def truth():
    return list(simulator.truth(WORLD))


def cash_hours(day):
    options = table(day, "options")["ts_event"]
    return {
        name: statistics_part(table(day, name), options[-1] - 390 * moments.MINUTE, options[-1])
        for name in ("trades", "book")
    }


def statistics_part(columns, first, last):
    return statistics.hour({"": columns}, first, last)[""]


def test_demo_and_full_intensity_keep_their_daily_rates():
    for intensity, prints, updates in (("demo", 20_000, 60_000), (0.2, 120_000, 600_000)):
        found = read_days(World(seed=2, days=8, intensity=intensity, vix_volatility=0.0))
        assert np.mean([table(day, "trades")["price"].size for _, day in found]) == pytest.approx(prints, rel=0.3)
        assert np.mean([table(day, "book")["ts_event"].size for _, day in found]) == pytest.approx(updates, rel=0.3)


def test_a_demo_night_has_quiet_minutes():
    ((_, day),) = read_days(World(seed=2, days=1))
    minutes = np.unique(table(day, "trades")["ts_event"] // moments.MINUTE)
    assert 10 < 1380 - minutes.size < 500


def test_spread_is_one_tick_most_of_the_time_in_the_cash_session(days):
    for day in days:
        figures = statistics.measure(cash_hours(day), TICK)
        assert figures["time at a spread of 1 tick"] > 0.95
        assert figures["crossed or locked updates"] == 0


def test_aggressor_sides_repeat_and_forget(days):
    for day in days:
        figures = statistics.measure(cash_hours(day), TICK)
        assert 0.3 < figures["aggressor side autocorrelation, lag 1"] < 0.6
        assert figures["aggressor side autocorrelation, lag 10"] < 0.2


def test_sizes_have_fat_tails_and_large_orders_print_as_many_fills(days):
    sizes, prints = (
        np.concatenate(parts)
        for parts in zip(*[statistics.orders(table(day, "trades"))[2:] for day in days], strict=True)
    )
    assert np.median(sizes) == 1
    large = sizes > 100
    assert 0.0005 < large.mean() < 0.005
    assert sizes.max() > 400
    assert np.median(prints[large]) > 8
    assert prints[~large].mean() < 1.5


def test_imbalance_leads_the_next_second_without_saying_much(days):
    for day in days:
        assert 0.03 < statistics.measure(cash_hours(day), TICK)["imbalance and the next second's mid move"] < 0.3


def test_buying_lifts_the_price(days):
    for day in days:
        trades = table(day, "trades")
        minute = (trades["ts_event"] - trades["ts_event"][0]) // moments.MINUTE
        delta = np.bincount(minute, weights=trades["size"] * trades["side"])
        close = trades["price"][np.searchsorted(minute, np.arange(delta.size), side="right") - 1]
        assert statistics.correlation(delta[1:], np.diff(close)) > 0.15


def test_the_book_follows_the_value_within_about_a_tick(days, truth):
    for day, true in zip(days, truth, strict=True):
        book = table(day, "book")
        second = np.arange(60, true.value.size - 60)
        row = np.searchsorted(book["ts_event"], true.open_ns + second * moments.NS, side="right") - 1
        mid = (book["bid_px_00"][row] + book["ask_px_00"][row]) / 2
        away = np.abs(mid - true.value[second]) / TICK
        assert away.mean() < 1.0
        assert np.quantile(away, 0.99) < 4.0


def imbalance_each_minute(day, true):
    book = table(day, "book")
    at = np.arange(1, true.sigma.size - 20)
    row = np.searchsorted(book["ts_event"], true.open_ns + at * moments.MINUTE) - 1
    bid, ask = book["bid_sz_00"][row].astype(float), book["ask_sz_00"][row].astype(float)
    mid = (book["bid_px_00"][row] + book["ask_px_00"][row]) / 2
    return at, (bid - ask) / (bid + ask), mid


@pytest.mark.parametrize("hold", [1, 5, 15])
def test_without_edge_no_imbalance_threshold_beats_costs(days, truth, hold):
    for threshold in (0.0, 0.3, 0.6):
        won = []
        for day, true in zip(days, truth, strict=True):
            _, imbalance, mid = imbalance_each_minute(day, true)
            on = np.flatnonzero(np.abs(imbalance[:-hold]) > threshold)[::hold]
            won.append(np.sign(imbalance[on]) * (mid[on + hold] - mid[on]) / TICK)
        won = np.concatenate(won)
        assert won.mean() < COST_TICKS + 2 * won.std() / np.sqrt(won.size), (threshold, hold)
        if hold == 1:  # short enough for the noise to be below the costs
            assert won.mean() + 3 * won.std() / np.sqrt(won.size) < COST_TICKS, threshold


def test_without_edge_the_value_is_unpredictable_from_the_drivers():
    days = list(chain.days(World(seed=5, days=60)))
    for name in chain.drivers.DRIVEN:
        ic = [forward_correlation(day, name, 5) for day in days]
        assert abs(np.mean(ic)) < 4 * np.std(ic) / np.sqrt(len(ic))


def forward_correlation(day, name, minutes):
    value = day.path[::60]
    move = (value[minutes:] - value[:-minutes]) / day.sigma[: value.size - minutes]
    return statistics.correlation(day.driver[name][: move.size], move)


@pytest.mark.parametrize("name", chain.drivers.DRIVEN)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_driver_moves_the_value_its_way_until_it_is_switched_off(name, sign):
    world = World(seed=5, days=30, edge="planted", strength={name: sign}, edge_until_day=20)
    days = list(chain.days(world))
    minutes = int(COMPONENTS[name])
    ic = np.array([forward_correlation(day, name, minutes) for day in days])
    on, off = ic[:20], ic[20:]
    assert sign * on.mean() > 4 * on.std() / np.sqrt(20)
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(10)
    assert all(day.strength == ({name: float(sign)} if day.position < 20 else {}) for day in days)


def test_a_planted_driver_moves_the_value_by_its_strength():
    strength, name = 0.5, "order_book_imbalance"
    moved, x = [], []
    for day in chain.days(World(seed=5, days=200, edge="planted", strength={name: strength})):
        value = day.path[::60]
        horizon = 15  # minutes, five half-lives: 31/32 of the whole move
        five_minute_range = np.sqrt(8 / np.pi) * day.sigma * np.sqrt(300)
        moved.append(
            (value[horizon:] - value[:-horizon])[::horizon] / five_minute_range[: value.size - horizon][::horizon]
        )
        x.append(day.driver[name][: value.size - horizon][::horizon])
    moved, x = np.concatenate(moved), np.concatenate(x)
    slope = np.mean(moved * x) / np.mean(x * x)
    error = moved.std() / np.sqrt(x.size)
    assert slope == pytest.approx(strength * 31 / 32, abs=0.15 * strength + 3 * error)


def test_planted_walls_push_away_above_zero_gamma():
    toward = {}
    for strength in (1.5, 0.0):
        world = World(seed=8, days=80, edge="planted" if strength else "none", strength={"gamma_levels": strength})
        pushed = []
        for day in chain.days(world):
            for first, levels in zip(day.levels, [*day.levels[1:], None], strict=False):
                last = levels.second if levels else day.path.size - 1
                value = day.path[first.second : last : 60] * TICK
                reach = (
                    np.sqrt(8 / np.pi) * day.sigma[first.second // 60 :][: value.size - 1] * np.sqrt(300) * TICK * 1.5
                )
                move = np.diff(value) / reach
                here = value[:-1]
                regime = np.where(here >= first.zero_gamma, 1.0, -1.0)
                near = (np.abs(here - first.put_wall) < reach) * 1.0 - (np.abs(here - first.call_wall) < reach)
                pushed.append((move * near * regime)[near != 0])
        pushed = np.concatenate(pushed)
        toward[strength] = pushed.mean() / (pushed.std() / np.sqrt(pushed.size))
    assert toward[1.5] > 4
    assert abs(toward[0.0]) < 3.5


def test_drivers_show_in_their_observables_in_a_world_without_edge(days, truth):
    found = {name: [] for name in ("book", "flow", "large", "options")}
    for day, true in zip(days, truth, strict=True):
        at, imbalance, _ = imbalance_each_minute(day, true)
        found["book"].append(statistics.correlation(imbalance, true.drivers["order_book_imbalance"][at - 1]))
        ts, side, size, _ = statistics.orders(table(day, "trades"))
        minute = (ts - true.open_ns) // moments.MINUTE
        net = np.bincount(minute, weights=side, minlength=true.sigma.size) / np.maximum(
            1, np.bincount(minute, minlength=true.sigma.size)
        )
        found["flow"].append(statistics.correlation(net, true.drivers["aggression_bias"]))
        large = size > 100
        found["large"].append(
            statistics.correlation(side[large] * 1.0, true.drivers["smart_money_index"][minute[large]])
        )
        options = table(day, "options")
        flow = options["call_volume"] > 0
        calls = options["call_volume"] / np.maximum(1, options["call_volume"] + options["put_volume"])
        at = (options["ts_event"] - true.open_ns) // moments.MINUTE - 1
        found["options"].append(statistics.correlation(calls[flow], true.drivers["options_flow_bias"][at[flow]]))
        assert calls[flow].mean() < 0.5
    for name, values in found.items():
        assert np.mean(values) > 0.1, name


def test_volatility_follows_vix_and_its_regimes_all_occur():
    days = list(chain.days(World(seed=4, days=250)))
    vix = np.array([day.previous_vix for day in days])
    realised = np.array([np.std(np.diff(day.path[::60])) * TICK / day.previous_index for day in days])
    assert statistics.correlation(np.log(vix), np.log(realised)) > 0.7
    assert (vix < 15).mean() > 0.05
    assert (vix > 25).mean() > 0.03
    change = np.diff(np.log(vix))
    returns = np.array([day.path[-1] * TICK / day.previous_index - 1 for day in days])[:-1]
    assert statistics.correlation(change, returns) < -0.5


def test_a_volatility_jump_lasts():
    calm, jumped = (
        np.array([day.previous_vix for day in chain.days(World(seed=4, days=40, vix_volatility=0.05, **jump))])
        for jump in ({}, {"jump_day": 20, "jump_factor": 2.0})
    )
    assert np.array_equal(calm[:20], jumped[:20])
    assert np.all(jumped[20:] > 1.3 * calm[20:])


def test_days_hang_together():
    days = list(chain.days(World(seed=4, days=30)))
    for before, after in itertools.pairwise(days):
        gap = after.path[0] * TICK / before.path[-1] / TICK - 1
        assert abs(gap) < 5 * np.sqrt(3 * chain.BREAK_VARIANCE) * after.daily_sigma


def test_vix_prints_end_on_the_day_s_close_and_start_at_the_one_before(days, truth):
    for day, true, before in zip(days[1:], truth[1:], truth[:-1], strict=True):
        vix = table(day, "vix")["value"]
        assert abs(np.log(vix[-1] / true.vix)) < 0.1
        assert abs(np.log(vix[0] / before.vix)) < 0.3
        assert np.abs(np.diff(np.log(vix))).max() < 0.05


def test_levels_straddle_the_index_and_are_known_before_the_cash_open(days, truth):
    for day, true in zip(days, truth, strict=True):
        options = table(day, "options")
        assert options["ts_event"][0] < options["ts_event"][1] - 80 * moments.MINUTE
        first = {name: options[name][0] for name in ("underlying_px", "call_wall", "put_wall", "zero_gamma")}
        assert first["put_wall"] < first["underlying_px"] < first["call_wall"]
        assert first["put_wall"] % 25 == first["call_wall"] % 25 == first["zero_gamma"] % 5 == 0
        value = true.value[(options["ts_event"] - true.open_ns) // moments.NS]
        assert np.ptp(value - options["underlying_px"]) < 0.02
