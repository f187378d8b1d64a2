"""SPEC 9 in figures, on a profile that is short enough for every run of the suite."""

from pathlib import Path

from scipy.stats import binom

from pipelines.worlds import summary
from pipelines.worlds.campaign import Campaign
from pipelines.worlds.summary import Summary
from pipelines.worlds.world import Task
from tests.pipelines.worlds import small

RUNS, FRESH_TRADES = 8, 6_000
FALSE_ALARM = 0.001


def said(campaign: Campaign, edge: str, scale: float) -> Summary:
    tasks = [Task(edge, scale, seed) for seed in range(RUNS)]
    judged = campaign.judge(tasks, small.silent)
    truths = campaign.truths(tasks, FRESH_TRADES, small.silent)
    return summary.of(judged, truths, [task.name for task in tasks])


def most(n: int, rate: float) -> int:
    """The least count that is exceeded with probability FALSE_ALARM at most."""
    return int(binom.ppf(1 - FALSE_ALARM, n, rate))


def least(n: int, rate: float) -> int:
    """The largest count that is missed with probability FALSE_ALARM at most."""
    return int(binom.ppf(FALSE_ALARM, n, rate))


def test_the_desk_keeps_its_word_on_worlds_of_known_truth(tmp_path: Path) -> None:
    """`mia worlds` on 8 worlds without edge and 8 with the planted one, under the shipped settings, whole pipelines.

    SPEC 9 allows the desk's gates 4 promotions of 200 worlds without edge (2 %), asks for 80 % of planted ones and for
    intervals at 95 % that hold the truth. A judge with exactly these rates breaks each of the three bounds below, exact
    binomials all, with a probability of at most 1 in 1,000. The seeds are fixed: only code changes the outcome.
    The long profile, which can tell a rate of 2 % from one of 5 %, is a command: see the README.
    """
    campaign = Campaign.of(small.composed(tmp_path), tmp_path / "worlds", workers=2)
    none, planted = said(campaign, "none", 0.0), said(campaign, "planted", 1.0)
    assert none.runs == planted.runs == RUNS
    assert min(none.fresh_trades, planted.fresh_trades) >= FRESH_TRADES
    assert none.true_r < 0 < planted.true_r
    for one in (none, planted):  # always saying no proves nothing: each is long enough to be decided
        assert one.decided.count >= least(RUNS, 0.8), one.failing
    assert none.promoted.count <= most(RUNS, 0.02)
    assert planted.promoted.count >= least(RUNS, 0.8), planted.failing
    covered = none.coverage.count + planted.coverage.count
    assert covered >= least(2 * RUNS, 0.95)
    assert planted.whole.seen.count > none.whole.seen.count
