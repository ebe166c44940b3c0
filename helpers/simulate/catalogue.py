"""The populations by name, without an effect and with one: what validation draws from."""

import math

from helpers.simulate.populations import (
    make_cluster,
    make_count,
    make_covariates,
    make_gaps,
    make_history,
    make_looks,
    make_metrics,
    make_money,
    make_quantile,
    make_rate,
    make_ratio,
    make_score,
    make_share,
    make_split,
    make_take_up,
    make_times,
    make_unknown,
)

SEGMENT_SHARES = (0.4, 0.3, 0.2, 0.1)
WEEK_SHARES = (0.25, 0.25, 0.25, 0.25)
CONTENT, HAPPIER = (0.05, 0.1, 0.15, 0.4, 0.3), (0.04, 0.08, 0.13, 0.4, 0.35)
CRITICS, FANS, DEVOTED = (0.25, 0.35, 0.4), (0.2, 0.35, 0.45), (0.02, 0.03, 0.95)
BEST, WORST = (0.01, 0.01, 0.01, 0.02, 0.95), (0.8, 0.1, 0.05, 0.03, 0.02)


def _both(make, name, more, null, planted, **options):
    """A population without an effect, and one of the same kind with a planted one."""
    return make(name, *null, **options), make(f"{name}, {more}", *planted, **options)


def _list_single():
    """Of one outcome a unit; money at the rate of payers and the tail of real revenue, and a milder one."""
    paying, tripled = (0.5, 3.0), (0.5, 3.0 + math.log(3))
    return [
        make_share("1 % have the event", 0.01, 0.01),
        make_share("5 % have the event", 0.05, 0.05),
        make_share("30 % have the event", 0.3, 0.3),
        make_share("1 % and 1.5 % have the event", 0.01, 0.015),
        make_share("0.1 % and 1 % have the event", 0.001, 0.01),
        make_share("5 % and 7 % have the event", 0.05, 0.07),
        make_share("30 % and 36 % have the event", 0.3, 0.36),
        *_both(make_count, "Poisson counts", "+10 %", (2.0, 2.0), (2.0, 2.2)),
        *_both(make_count, "overdispersed counts", "+20 %", (2.0, 2.0), (2.0, 2.4), size=0.5),
        *_both(make_money, "10 % pay, long tail", "+50 %", ((0.1, 3.0),) * 2, ((0.1, 3.0), (0.15, 3.0)), spread=1.5),
        *_both(make_money, "10 % pay", "+50 %", ((0.1, 3.0),) * 2, ((0.1, 3.0), (0.15, 3.0)), spread=1.0),
        *_both(make_money, "50 % pay, short tail", "+10 %", (paying,) * 2, (paying, (0.55, 3.0)), spread=0.5),
        make_money("50 % pay, short tail, three times as much", paying, tripled, spread=0.5),
        *_both(make_score, "scores 1 to 5", "higher", (CONTENT, CONTENT), (CONTENT, HAPPIER)),
        *_both(make_score, "promoters and detractors", "+10", (CRITICS, CRITICS), (CRITICS, FANS), family="NPS"),
        *_both(make_score, "ordered answers", "higher", (CONTENT,) * 2, (CONTENT, HAPPIER), family="ordered scores"),
        make_score("95 % promoters", DEVOTED, DEVOTED, family="NPS"),
        make_score("95 % give the best answer", BEST, BEST, family="ordered scores"),
        make_score("answers that hardly overlap", WORST, BEST, family="ordered scores"),
        *_both(make_quantile, "median duration", "+20 %", (0.5, 0.0), (0.5, 0.1823)),
        make_quantile("median duration in steps of 5", 0.5, 0.0, step=5.0),
        *_both(make_quantile, "90th percentile of duration", "+20 %", (0.9, 0.0), (0.9, 0.1823)),
    ]


def _list_structured():
    return [
        *_both(make_ratio, "conversations an active day", "+10 %", [0.0], [0.1]),
        *_both(make_cluster, "clusters of unequal size", "+5 points", (0.3, 0.3), (0.3, 0.35), alike=0.05),
        *_both(make_rate, "events a day at risk", "+20 %", [1.0], [1.2]),
        *_both(make_covariates, "number and category known before", "+0.2", [0.0], [0.2]),
        *_both(make_covariates, "30 % of what is known before missing", "+0.2", [0.0], [0.2], missing=0.3),
        make_history("last month known of 70 %"),
        *_both(make_gaps, "outcomes missing alike in both arms", "+0.2", [0.0], [0.2]),
        *_both(make_gaps, "outcomes missing by covariate in one arm", "+0.2", [0.0], [0.2], by_arm=True),
        make_unknown("half of the treated without event unknown", 0.3, 0.3, hidden=0.5),
        make_unknown("few of the treated without event unknown, +6 points", 0.3, 0.36, hidden=0.05),
        *_both(make_take_up, "40 % comply", "+0.5", [0.0], [0.5]),
        make_take_up("10 % comply", 0.0, compliers=0.1),
        *_both(make_take_up, "3 % comply", "+0.5", [0.0], [0.5], compliers=0.03),
        *_both(make_looks, "looked at every day", "+0.2", [0.0], [0.2], family="daily looks"),
        *_both(make_looks, "looked at half-way", "+0.2", [0.0], [0.2], family="planned looks"),
        make_metrics("three related metrics"),
        make_split("one effect in all segments", family="segments", shares=SEGMENT_SHARES, estimand="interaction"),
        make_split("one effect in all weeks", family="weeks", shares=WEEK_SHARES, estimand="trend"),
        *_both(make_times, "followed for 20 to 80 days", "a third more events", (0.02, 0.02), (0.02, 0.027)),
        *_both(make_times, "ended by other events", "a third more events", (0.02,) * 2, (0.02, 0.027), competing=0.01),
    ]


POPULATIONS = {population.name: population for population in [*_list_single(), *_list_structured()]}
