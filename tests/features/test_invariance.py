"""Units and symmetries: what a change of scale, level or side must and must not do. Ranges and absence."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mia_ml.features import engine

from . import market, worked

FEATURES = {f.name: f for f in engine.FEATURES}
PRICES = {"trades": ("price",), "book": ("bid_px_00", "ask_px_00")}
LEVELS = ("underlying_px", "call_wall", "put_wall", "zero_gamma")
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tables_of(seed, session):
    return market.tables(seed, session, minutes=120, trades=1500, snapshots=2000, start_minute=900)


def moved(tables, price, level=None):
    """A market with every price and level put through a function."""
    out = {name: dict(columns) for name, columns in tables.items()}
    for name, columns in PRICES.items():
        for column in columns:
            out[name][column] = price(tables[name][column])
    for column in LEVELS:
        out["options"][column] = (level or price)(tables["options"][column])
    return out


def rows_of(stream, session, tables):
    return stream.run(market.tape(tables), until=int(session["open_ns"]) + 1020 * 60 * 10**9)


def same(a, b, name, tolerance=0.0):
    np.testing.assert_allclose(a[name], b[name], rtol=0, atol=tolerance, err_msg=name)


@few
@given(seed=st.integers(0, 1000), ticks=st.integers(-4000, 4000))
def test_adding_a_constant_to_prices_and_levels_changes_no_component(new_engine, tuesday, seed, ticks):
    tables = tables_of(seed, tuesday)
    before = rows_of(new_engine(), tuesday, tables)
    after = rows_of(new_engine(), tuesday, moved(tables, lambda x: x + 0.25 * ticks))
    for name in engine.COMPONENTS:
        same(before, after, name, 1e-9 if name == "gamma_levels" else 0.0)
    same(before, after, "atr_15m")


@few
@given(seed=st.integers(0, 1000))
def test_ticks_twice_as_large_double_points_and_nothing_else(new_engine, tuesday, shipped, seed):
    tables = tables_of(seed, tuesday)
    before = rows_of(new_engine(), tuesday, tables)
    doubled = new_engine(worked.changed(shipped, {}, tick=0.5))
    after = rows_of(doubled, tuesday, moved(tables, lambda x: 5000 + 2 * (x - 5000)))
    for name, feature in FEATURES.items():
        if name.startswith("vwap_") and feature.unit == "points":
            np.testing.assert_allclose(after[name] - 5000, 2 * (before[name] - 5000), atol=1e-9, err_msg=name)
        elif feature.unit == "points":
            np.testing.assert_allclose(after[name], 2 * before[name], err_msg=name)
        elif name != "delta_divergence_literal":  # adds points to contracts
            same(before, after, name, 1e-9)


LITERAL = ("tick_momentum_literal", "delta_divergence_literal")  # not symmetric, as the plan wrote them


@few
@given(seed=st.integers(0, 1000))
def test_a_mirrored_market_negates_every_signed_component(new_engine, tuesday, seed):
    """Prices mirrored around 5000, sides and book swapped, calls for puts. Walls swap ends and so does zero gamma: the
    regime's sign and the walls' cancel, so gamma levels stay as they are."""
    tables = tables_of(seed, tuesday)
    for columns in tables.values():
        columns.pop("ts_recv", None)
    before = rows_of(new_engine(), tuesday, tables)
    mirrored = moved(tables, lambda x: 10000 - x)
    mirrored["trades"]["side"] = -tables["trades"]["side"]
    book, flow = mirrored["book"], mirrored["options"]
    for bid, ask in [("bid_px_00", "ask_px_00")] + [(f"bid_sz_{k:02d}", f"ask_sz_{k:02d}") for k in range(5)]:
        book[bid], book[ask] = book[ask], book[bid]
    for call, put in (("call_wall", "put_wall"), ("call_volume", "put_volume")):
        flow[call], flow[put] = flow[put], flow[call]
    after = rows_of(new_engine(), tuesday, mirrored)
    for name in set(engine.COMPONENTS) - set(LITERAL) - {"gamma_levels"}:
        np.testing.assert_allclose(after[name], -before[name], atol=1e-9, err_msg=name)
    same(before, after, "gamma_levels", 1e-9)


@few
@given(seed=st.integers(0, 1000), factor=st.sampled_from([2, 7]))
def test_contracts_of_another_size_change_no_share(new_engine, tuesday, seed, factor):
    tables = tables_of(seed, tuesday)
    before = rows_of(new_engine(), tuesday, tables)
    scaled = {name: dict(columns) for name, columns in tables.items()}
    scaled["trades"]["size"] = tables["trades"]["size"] * factor
    for name in market.intake.BOOK_SIZES:
        scaled["book"][name] = tables["book"][name] * factor
    for name in ("call_volume", "put_volume"):
        scaled["options"][name] = tables["options"][name] * factor
    after = rows_of(new_engine(), tuesday, scaled)
    fixed = {"smart_money_index", "smart_money_index_literal", "delta_divergence_literal"}  # contracts in the formula
    for name in set(engine.COMPONENTS) - fixed:
        same(before, after, name, 1e-9)
    np.testing.assert_allclose(after["delta"], factor * before["delta"])


@few
@given(seed=st.integers(0, 1000))
def test_every_feature_stays_in_its_declared_range(new_engine, tuesday, seed):
    rows = rows_of(new_engine(), tuesday, tables_of(seed, tuesday))
    for name, feature in FEATURES.items():
        low, high = feature.range
        values = rows[name][~np.isnan(rows[name])]
        assert ((values >= low) & (values <= high)).all(), name


def test_names_are_unique_columns_with_a_unit_a_source_and_a_warm_up():
    assert len(FEATURES) == len(engine.FEATURES)
    assert set(FEATURES) <= set(engine.ROW.names)
    assert all(f.unit and f.source and f.warmup for f in engine.FEATURES)
    assert all(f.range[0] < f.range[1] for f in engine.FEATURES)


TRADED = tuple(n for n in engine.COMPONENTS if not n.startswith(("order_book", "options_flow")))


@pytest.mark.parametrize(
    ("absent", "silent"),
    [
        ("trades", TRADED),
        ("book", [n for n in engine.COMPONENTS if n.startswith("order_book")]),
        ("options", [n for n in engine.COMPONENTS if n.startswith(("gamma", "options_flow"))]),
        ("vix", ["vix", "vix_age"]),
    ],
)
def test_what_has_no_input_is_nan_today_and_after_a_full_day(new_engine, sessions, tuesday, absent, silent):
    """Also when yesterday had everything: yesterday's state is no reading of today."""
    tables = {name: columns for name, columns in tables_of(1, tuesday).items() if name != absent}
    rows = new_engine().run(market.intake.tape(**tables), until=int(tuesday["close_ns"]))
    for name in silent:
        assert np.isnan(rows[name]).all(), name
    others = [n for n in engine.COMPONENTS if n not in silent and "battle" not in n and "mtf" not in n]
    assert all(np.isfinite(rows[name]).any() for name in others if absent != "trades")
    if absent == "vix":
        return
    monday = sessions[np.searchsorted(sessions["day"], 20240304)]
    stream = new_engine()
    stream.run(market.tape(tables_of(2, monday)))
    rows = stream.run(market.intake.tape(**tables), until=int(tuesday["close_ns"]))
    rows = rows[rows["day"] == 20240305]
    for name in silent:
        assert np.isnan(rows[name]).all(), name


def test_every_column_is_written_on_every_row(new_engine, tuesday):
    """A column that a kernel forgot would keep what the buffer held."""
    tables = tables_of(5, tuesday)
    clean, dirty = new_engine(), new_engine()
    dirty._rows.view(np.uint8)[:] = 0x55
    dirty._bars.view(np.uint8)[:] = 0x55
    assert rows_of(clean, tuesday, tables).tobytes() == rows_of(dirty, tuesday, tables).tobytes()
