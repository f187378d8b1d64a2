"""Gate tables of a sample judgement, every status among them."""

import math

from mia_ml.judge.judgement import GateResult, GateStatus, GateTable, Note

NAN = math.nan


def gate(
    name: str,
    figure: str,
    rule: str,
    status: GateStatus,
    value: tuple[float, float, float],
    unit: str,
    bounds: tuple[float, float] = (NAN, NAN),
    why: str = "",
    would_change: str = "",
) -> GateResult:
    return GateResult(
        name=name,
        figure=figure,
        rule=rule,
        status=status,
        value=value[0],
        low=value[1],
        high=value[2],
        unit=unit,
        why=why,
        would_change=would_change,
        bounds=bounds,
    )


def tables(expectancy: float, trades: int) -> tuple[GateTable, ...]:
    good = expectancy > 0.1
    edge: GateStatus = "pass" if good else "undecidable"
    fails: GateStatus = "pass" if good else "fail"
    enough: GateStatus = "pass" if trades >= 200 else "fail"
    e = (expectancy, expectancy - 0.06, expectancy + 0.066)
    desk = GateTable(
        name="desk",
        title="Desk",
        blocking=True,
        results=(
            gate("trades", "n_trades", "out-of-sample trades at least 200", enough, (trades, NAN, NAN), "trades",
                 (200, NAN), f"measured {trades:,}"),
            gate("days_traded", "days_traded", "days with a trade at least 100", "pass", (2300, NAN, NAN),
                 "trading days", (100, NAN), "measured 2,300"),
            gate("expectancy", "expectancy_r", "lower 95 % bound of net expectancy above 0 R", edge, e, "R", (0, NAN),
                 "the whole interval clears it" if good else "the interval -0.020 to +0.106 R holds 0 R",
                 "" if good else "about 9,400 more trades at this mean and spread would decide it"),
            gate("deflated_sharpe", "dsr", "deflated Sharpe ratio at least 0.95", fails,
                 (min(0.5 + 2 * expectancy, 0.99) if good else 0.54, NAN, NAN), "probability", (0.95, NAN), "",
                 "" if good else "needs deflated Sharpe ratio at least 0.95"),
            gate("overfitting", "pbo", "probability of backtest overfitting at most 0.2", fails,
                 (0.04 if good else 0.37, NAN, NAN), "probability", (NAN, 0.2)),
            gate("twins", "twins_p", "p-value against the random-entry twins below 0.05", fails,
                 (0.001 if good else 0.27, NAN, NAN), "probability", (NAN, 0.05)),
            gate("profit_factor", "profit_factor", "lower 95 % bound of profit factor at least 1.15", edge,
                 (1 + 1.3 * expectancy, 0.93 + expectancy, 1.19 + expectancy), "ratio", (1.15, NAN)),
            gate("drawdown", "max_drawdown", "maximum drawdown below 15 %", "pass", (0.143, 0.101, 0.201),
                 "share of the peak", (NAN, 0.15)),
            gate("one_more_tick", "expectancy_r_plus_tick",
                 "lower 95 % bound of net expectancy with one more tick of cost above 0 R", fails,
                 (expectancy - 0.05, expectancy - 0.11, expectancy + 0.01), "R", (0, NAN)),
            gate("frequency", "trades_per_month", "trades a month at least 8", "pass", (16.2, 15.4, 17.1),
                 "trades/month", (8, NAN)),
            gate("parity", "parity", "live gives the bytes of the batch", "pass", (1.0, NAN, NAN), "",
                 why="batch and live agree in bytes on 3 days, 1.2 M events"),
            gate("latency", "latency", "a decision comes within its latency", "undecidable", (NAN, NAN, NAN), "",
                 why="the check was not made", would_change="a run that makes the check"),
        ),
    )  # fmt: skip
    plan = GateTable(
        name="plan",
        title="The plan, final",
        blocking=False,
        results=(
            gate("win_rate", "win_rate", "win rate above 75 %", "fail", (0.392, 0.371, 0.415), "share", (0.75, NAN),
                 would_change="35 points more of win rate at the same barriers"),
            gate("profit_factor", "profit_factor", "profit factor above 2.0", "fail", (1.05, 0.93, 1.19), "ratio",
                 (2.0, NAN)),
            gate("win_over_loss", "average_win_over_loss", "average win above 1.5 x the average loss", "infeasible",
                 (1.21, 1.14, 1.27), "ratio", (1.5, NAN),
                 "with barriers of 1.5 R and 1.0 R and a cost of 0.19 R no trade can win more than 1.10 x a loss",
                 "barriers of 2.0 R, or costs of 0 R"),
            gate("signals", "signals_per_month", "25 to 35 signals a month, by the point estimate", "pass",
                 (32.5, 31.7, 33.4), "signals/month", (25, 35)),
            gate("annual_return", "annual_return", "more than 25 % a year", "fail", (0.016, -0.005, 0.039),
                 "share of capital", (0.25, NAN)),
        ),
        notes=(
            Note(what="Net a year on 100,000 USD, before the plan", promised="14,000 USD", measured="not run here"),
            Note(what="Net a year on 100,000 USD, after it", promised="26,000 USD",
                 measured="1,600 USD (−500 to 3,900)"),
        ),
    )  # fmt: skip
    start = GateTable(
        name="plan_start",
        title="The plan, start",
        blocking=False,
        results=(
            gate("win_rate", "win_rate", "win rate of 57 to 62 %", "fail", (0.392, 0.371, 0.415), "share",
                 (0.57, 0.62)),
            gate("sharpe", "sharpe", "Sharpe ratio of 1.1 to 1.5", "undecidable", (0.24, -0.18, 1.2), "per sqrt(year)",
                 (1.1, 1.5), "the interval reaches the band", "about 1,900 more trading days"),
        ),
    )  # fmt: skip
    return desk, plan, start
