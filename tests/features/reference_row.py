"""One row of the second opinion: the features of SPEC 3 and 4 at the close of base bar k."""

from itertools import pairwise
from math import sqrt
from statistics import median

from .reference_bars import (
    MINUTE,
    NAN,
    SECOND,
    clip,
    flow_ratio,
    follow_regime,
    known,
    latest,
    mean,
    slope,
    usual,
)

TICK = 0.25
NO_CASH = -(2**63)


def row_of(day, every, first, k, frames, profiles, earlier_vix, context):
    b = every[k]
    traded = known(b["close"])
    atr, atr_5m = (latest(frames[m], k, "atr") if traded else NAN for m in (1, 5))
    row = {name: b[name] for name in ("ts", "open", "high", "low", "close", "volume", "mid")}
    row |= {"order_book_imbalance": b["imbalance"], "order_book_imbalance_mean": b["imbalance_mean"]}
    row |= {"tick_momentum": b["momentum"], "tick_momentum_literal": b["momentum_literal"]}
    row |= {"tick_momentum_60s": b["momentum_60s"], "aggression_bias": b["aggression"]}
    row["book_age"] = (b["ts"] - b["book_ts"]) / SECOND if b["book_ts"] else NAN
    row["late_events"] = b["late"]
    five = every[max(0, k - 4) : k + 1]
    moved = sum(x["volume"] for x in five)
    signed = sum(x["buy"] - x["sell"] for x in five)
    row["aggression_bias_5m"] = signed / moved if len(five) == 5 and moved > 0 else NAN
    row["fallback_share"] = b["unknown"] / b["volume"] if b["volume"] > 0 else NAN
    volume(row, every, k, usual(profiles, b["slot"], "volume"))
    divergence(row, every[max(0, k - 9) : k + 1])
    smart_money(row, every, k)
    gamma(row, b, atr_5m, context)
    options_flow(row, every, k, usual(profiles, b["slot"], "flow"), context)
    vwap(row, day, every[first : k + 1], atr, atr_5m, context)
    dow(row, every[max(0, k - 19) : k + 1], atr)
    battles = {m: latest(frames[m], k, "signal") if traded else NAN for m in (1, 5, 15)}
    row |= {f"battle_navale_{m}": x for m, x in battles.items()}
    joint = 0.5 * battles[1] + 0.3 * battles[5] + 0.2 * battles[15]
    signs = {(x > 0) - (x < 0) for x in battles.values()}
    if signs in ({1}, {-1}):
        joint += 0.2 * next(iter(signs))
    row |= {"mtf_confluence_literal": joint, "mtf_confluence": clip(joint)}
    row |= {f"atr_{m}m": latest(frames[m], k, "atr") for m in (1, 5, 15)}
    row["atr_5m_usual"] = usual(profiles, b["slot"], "atr_5m", median)
    volatility(row, b, atr, usual(profiles, b["slot"], "atr"), earlier_vix, context)
    row["minute_of_day"] = (b["ts"] - day.session["midnight_ns"]) // MINUTE % 1440
    starts = (("overnight", 20 * 60), ("evening", 16 * 60), ("afternoon", 14 * 60), ("midday", 11 * 60))
    starts += (("morning", 9 * 60 + 30), ("premarket", 4 * 60))
    row["session"] = next((name for name, at in starts if row["minute_of_day"] >= at), "overnight")
    row["days_to_expiry"] = day.session["days_to_expiry"]
    return row


def volume(row, every, k, usual_volume):
    b = every[k]
    trailing = mean([x["volume"] for x in every[k - 10 : k]]) if k >= 10 else NAN
    row["rvol_trailing"] = b["volume"] / trailing if trailing > 0 else NAN
    row["rvol"] = b["volume"] / usual_volume if usual_volume > 0 else row["rvol_trailing"]
    row["delta"] = delta = b["buy"] - b["sell"]
    for suffix in ("", "_trailing"):
        rvol = row["rvol" + suffix]
        if not known(delta):
            value = NAN
        elif b["volume"] == 0:
            value = 0.0
        else:
            sign = (delta > 0) - (delta < 0)
            value = sign * min(rvol / 1.8, 1) * min(2.2 * abs(delta) / b["volume"], 1) if known(rvol) else NAN
        row["volume_confirmation" + suffix] = value


def divergence(row, window):
    row["delta_divergence"] = row["delta_divergence_literal"] = NAN
    closes = [b["close"] for b in window]
    changes = [b["buy"] - b["sell"] for b in window]
    if len(window) < 10 or not known(sum(closes) + sum(changes[1:])):
        return
    cvd = [sum(changes[1 : k + 1]) for k in range(10)]
    steps = mean([abs(b - a) for a, b in pairwise(closes)]), mean([abs(x) for x in changes[1:]])
    p, d = slope(closes), slope(cvd)
    ps, ds = (p / steps[0] if steps[0] else 0.0), (d / steps[1] if steps[1] else 0.0)
    m = min(abs(ps), abs(ds))
    if known(row["rvol"]):
        fires = ps * ds < 0 and m > 0.15 and row["rvol"] >= 1
        row["delta_divergence"] = (-1 if ps > 0 else 1) * min(1.0, m / 0.3) if fires else 0.0
    if known(row["volume_confirmation"]):
        strength = abs(p + d) / (abs(p) + abs(d) + 0.001)
        fires = strength > 0.7 and row["volume_confirmation"] > 0.5
        row["delta_divergence_literal"] = (1 if p > 0 else -1) * strength if fires else 0.0


def smart_money(row, every, k):
    for name, kind, shrink in (("", "large_orders", 500), ("_literal", "large_prints", 0)):
        value = NAN
        if k >= 19:
            buy, sell = (sum(b[kind][side] for b in every[k - 19 : k + 1]) for side in (0, 1))
            total = buy + sell
            windows = [every[k - 19 - 20 * w : k + 1 - 20 * w] for w in range(1, 21) if k - 19 - 20 * w >= 0]
            totals = [x for w in windows if known(x := sum(sum(b[kind]) for b in w))]
            value = total and (buy - sell) / (total + shrink)
            if len(totals) >= 5 and total > 1.5 * mean(totals):
                value *= 1.3
        row["smart_money_index" + name] = value if name else clip(value)


def gamma(row, b, atr_5m, context):
    follow_regime(context, b, atr_5m)
    call, put, zero = b["walls"]
    near = [max(0.0, 1 - abs(b["close"] - wall) / (4 * atr_5m)) if known(wall) else NAN for wall in (put, call)]
    ready = known(zero + call + put + b["close"]) and atr_5m > 0
    row["gamma_levels"] = context["regime"] * (near[0] - near[1]) if ready else NAN
    row["gamma_regime"] = context["regime"] if known(zero) else NAN
    row["levels_age"] = (b["ts"] - b["levels_ts"]) / SECOND if b["levels_ts"] else NAN


def options_flow(row, every, k, rest, context):
    now = flow_ratio(every, k)
    if not known(rest) and len(context["ratios"]) >= 30:
        rest = mean(context["ratios"])
    row["options_flow_bias_literal"] = now
    row["options_flow_bias"] = clip(now - rest)
    row["flow_age"] = (every[k]["ts"] - every[k]["flow_ts"]) / SECOND if every[k]["flow_ts"] else NAN
    if known(now):
        context["ratios"].append(now)


def vwap(row, day, today, atr, atr_5m, context):
    b = today[-1]
    s = day.session
    cash = s["rth_open_ns"]
    for name in ("globex", "rth"):
        anchor = s["open_ns"]
        if name == "rth" and cash != NO_CASH and cash > anchor and b["ts"] > cash:
            anchor = cash
        prints = [p for p in b["past"] if p[0] >= anchor]
        size = sum(p[2] for p in prints)
        value = b["past"][0][1] + sum((p[1] - b["past"][0][1]) * p[2] for p in prints) / size if size else NAN
        past = context["past_vwap"][name].setdefault(anchor, [])
        past.append(value)
        row["vwap_" + name], row["vwap_trend_" + name] = value, NAN
        if len(past) <= 10 or not size:
            continue
        sd = sqrt(sum(p[2] * (p[1] - value) ** 2 for p in prints) / size)
        sd = max(sd, 0.5 * atr_5m) if known(atr_5m) else sd
        if sd > 0 and atr > 0:
            away, drift = (b["close"] - value) / (2 * sd), (value - past[-11]) / atr
            row["vwap_trend_" + name] = 0.5 * clip(away) + 0.5 * clip(drift)


def dow(row, window, atr):
    row["dow_trend_regime"] = NAN
    if len(window) < 20:
        return
    high, low = slope([b["high"] for b in window]), slope([b["low"] for b in window])
    if known(high + low + atr):
        size = min(abs(high + low) / 2 / (0.1 * atr), 1.0) if high * low > 0 and atr > 0 else 0.0
        row["dow_trend_regime"] = size if high > 0 else -size


def volatility(row, b, atr, usual_atr, earlier_vix, context):
    if known(atr):
        context["atrs"].append(atr)
    past = context["atrs"][-20:]
    trailing = mean(past) if len(past) == 20 else NAN
    row["volatility_ratio_trailing"] = atr / trailing if trailing > 0 else NAN
    row["volatility_ratio"] = atr / usual_atr if usual_atr > 0 else row["volatility_ratio_trailing"]
    reading = b["vix"] or earlier_vix
    age = b["ts"] - reading[0] if reading else 0
    row["vix"] = reading[1] if reading and age <= 5 * 1440 * MINUTE else NAN
    row["vix_age"] = age / SECOND if reading else NAN
    for suffix in ("", "_trailing"):
        ratio, vix = row["volatility_ratio" + suffix], row["vix"]
        regime = "normal"
        if not known(vix):
            regime = "unknown"
        elif vix < 15 and ratio < 0.8:
            regime = "low"
        elif vix > 25 or ratio > 1.5:
            regime = "high"
        row["volatility_regime" + suffix] = regime
