"""The competitors of `compare_engines.py`: each reads one Parquet file and returns differences with standard errors.

Every function takes (file, by, threads) and returns {group: {task: [estimate, standard error]}}; the group is "" or a
segment. A standard error is None where the competitor's is of another kind than Welch's, the delta method's, or Lin's.
A function may return one that makes the results instead: what that takes is not measured.
"""

import math

COLUMNS = ("outcome", "covariate", "numerator", "denominator")
NAMES = ("y", "x", "n", "d")
ARMS = ("control", "treatment")
RATIO = {"kind": "ratio", "numerator": "numerator", "denominator": "denominator"}
PLAN = {"kind": "experiment", "title": "Bench", "question": "How fast?", "unit_id": "unit"}
PLAN |= {"variant": {"column": "variant", "control": "control", "treatments": ["treatment"]}}
PLAN |= {"metrics": {"outcome": {"kind": "amount"}, "ratio": RATIO}, "covariates": ["covariate"]}


def run_ours(file, by, threads):
    """The public road without the checks of the source: fold, moments of all metrics by one query, effects."""
    import ibis

    from helpers import metrics
    from helpers.records import DataInfo
    from helpers.sources import Source

    backend = ibis.duckdb.connect(threads=threads)
    table = backend.read_parquet(file)
    rows = table.count().to_pyarrow().as_py()  # of a few rows the fold asks at once what only checks read
    source = Source(table, None, DataInfo("yours", "", "", None, rows, rows), 0, 0, 0)
    units = metrics.fold(source, _read_plan(by))
    found = metrics.summarise(units, by="segment" if by else None, adjusted=True, has_tails=False)
    return {group or "": _compare(of["outcome"], of["ratio"]) for group, of in found.items()}


def _read_plan(by=False):
    """The plan of a task: segments stand in it where all are asked for, as each reads what is asked and no more."""
    from helpers.plan import ExperimentPlan

    return ExperimentPlan.model_validate(PLAN | ({"segments": ["segment"]} if by else {}))


def _compare(outcome, ratio):
    from dataclasses import replace

    from helpers.inference.methods import compare_arms

    plan = _read_plan().metrics
    first = {"names": ("y",), "remainder": None}
    plain = {arm: replace(m, mean=m.mean[:1], cov=m.cov[:1, :1], **first) for arm, m in outcome.items()}
    tasks = {"mean": (plan["outcome"], plain), "adjusted": (plan["outcome"], outcome), "ratio": (plan["ratio"], ratio)}
    effects = {task: compare_arms(metric, *(arms[arm] for arm in ARMS)) for task, (metric, arms) in tasks.items()}
    return {task: [effect.estimate, effect.std_error] for task, effect in effects.items()}


def run_whole_road(file, by, threads):
    """What a report runs: the file loaded with every check of the source, folded, trusted, and the experiment."""
    from types import SimpleNamespace

    from helpers import checks, inference, metrics, sources

    design = _read_plan(by)
    source = sources.load(design, file, threads=threads)
    units = metrics.fold(source, design)
    trust = checks.run(units, source, design)
    decided = SimpleNamespace(design=design, record={})
    inference.run_experiment(decided, source, units, trust, study="bench")
    return {}


SUMS = """count(*) AS k, sum(outcome) AS y, sum(covariate) AS x, sum(numerator) AS n, sum(denominator) AS d,
    sum(outcome * outcome) AS yy, sum(outcome * covariate) AS yx, sum(covariate * covariate) AS xx,
    sum(numerator * numerator) AS nn, sum(numerator * denominator) AS nd, sum(denominator * denominator) AS dd"""


def _sum_raw(file, by, threads):
    import duckdb

    keys = "segment, variant" if by else "variant"
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    asked = connection.execute(f"SELECT {keys}, {SUMS} FROM read_parquet(?) GROUP BY {keys}", [str(file)])
    names = [column[0] for column in asked.description]
    rows = [dict(zip(names, row, strict=True)) for row in asked.fetchall()]
    return {(row.get("segment", ""), row["variant"]): row for row in rows}


def run_sums(file, by, threads):
    """Raw sums in DuckDB: the floor, which loses digits where a mean is large beside its spread."""
    cells = _sum_raw(file, by, threads)
    return lambda: _compare_cells({key: _take_moments(row) for key, row in cells.items()})


def _take_moments(row):
    import numpy as np

    from helpers.records import Moments

    def centre(names):
        k = row["k"]
        totals = np.array([row[name] for name in names])
        square = {a + b: row[a + b] if a + b in row else row[b + a] for a in names for b in names}
        products = np.array([[square[a + b] for b in names] for a in names])
        return k, totals / k, (products - np.outer(totals, totals) / k) / (k - 1)

    return {"outcome": Moments(("y", "x"), *centre("yx")), "ratio": Moments(("num", "den"), *centre("nd"))}


def _compare_cells(cells):
    groups = dict.fromkeys(group for group, _ in cells)
    parts = ("outcome", "ratio")
    return {g: _compare(*({arm: cells[g, arm][part] for arm in ARMS} for part in parts)) for g in groups}


def run_reference(file, by, threads):
    """Two passes in extended precision (numpy.longdouble), then our formulas on these moments."""
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from helpers.records import Moments

    table = pq.read_table(file, columns=[*COLUMNS, "variant", "segment"])
    cells = {}
    for group in sorted(pc.unique(table["segment"]).to_pylist()) if by else [""]:
        part = table.filter(pc.equal(table["segment"], group)) if by else table
        for arm in ARMS:
            rows = part.filter(pc.equal(part["variant"], arm))
            columns = [rows[name].to_numpy() for name in COLUMNS]
            cells[group, arm] = {
                name: Moments(names, *_centre_twice(pair, np))
                for name, names, pair in (("outcome", ("y", "x"), columns[:2]), ("ratio", ("num", "den"), columns[2:]))
            }
    return _compare_cells(cells)


def _centre_twice(columns, np):
    n = len(columns[0])
    wide = [column.astype(np.longdouble) for column in columns]
    means = [column.sum() / n for column in wide]
    less = [column - mean for column, mean in zip(wide, means, strict=True)]
    cov = np.array([[float((a * b).sum() / (n - 1)) for b in less] for a in less])
    return n, np.array([float(mean) for mean in means]), cov


def run_gbstats(file, by, threads):
    """gbstats' t tests, fed by raw sums of DuckDB; its adjusted mean has one slope for both arms and is left out."""
    from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
    from gbstats.models.statistics import RatioStatistic, RegressionAdjustedStatistic, SampleMeanStatistic

    cells, found = _sum_raw(file, by, threads), {}
    config = FrequentistConfig(difference_type="absolute")
    for group in dict.fromkeys(group for group, _ in cells):
        arms = [cells[group, arm] for arm in ARMS]
        single = [{c: SampleMeanStatistic(arm["k"], arm[c], arm[c + c]) for c in NAMES} for arm in arms]
        ratios = [RatioStatistic(arm["k"], s["n"], s["d"], arm["nd"]) for arm, s in zip(arms, single, strict=True)]
        pairs = zip(arms, single, strict=True)
        adjusted = [RegressionAdjustedStatistic(arm["k"], s["y"], s["x"], arm["yx"], theta=0) for arm, s in pairs]
        slope = sum(a.covariance for a in adjusted) / sum(a.pre_statistic.variance for a in adjusted)
        for statistic in adjusted:
            statistic.theta = slope
        TwoSidedTTest(*adjusted, config).compute_result()
        found[group] = {}
        for task, pair in {"mean": [s["y"] for s in single], "ratio": ratios}.items():
            test = TwoSidedTTest(*pair, config)
            found[group][task] = [test.point_estimate, math.sqrt(test.variance)]
    return found


def _taste(table):
    """tea-tasting's analysis; the adjusted mean is computed and left out, since it has one slope for both arms."""
    import tea_tasting as tt

    kinds = {"mean": tt.Mean("outcome"), "adjusted": tt.Mean("outcome", "covariate")}
    kinds |= {"ratio": tt.RatioOfMeans("numerator", "denominator")}
    done = tt.Experiment(kinds).analyze(table, control="control")
    return {task: [done[task].effect_size, done[task].effect_size / done[task].statistic] for task in ("mean", "ratio")}


def run_tea_ibis(file, by, threads):
    """tea-tasting through Ibis: by segment, one query for all cells, which is more than its documentation offers."""
    import ibis
    from tea_tasting.aggr import read_aggregates

    backend = ibis.duckdb.connect(threads=threads)
    table = backend.read_parquet(file)
    if not by:
        return {"": _taste(table)}
    pairs = [("covariate", "outcome"), ("denominator", "numerator")]
    read = {"has_count": True, "mean_cols": COLUMNS, "var_cols": COLUMNS, "cov_cols": pairs}
    cells = read_aggregates(table.mutate(cell=table["segment"] + "|" + table["variant"]), "cell", **read)
    groups = sorted({key.split("|")[0] for key in cells})
    return {group: _taste({arm: cells[f"{group}|{arm}"] for arm in ARMS}) for group in groups}


def run_tea_polars(file, by, threads):
    """tea-tasting on a lazy scan of Polars, by segment a filter each."""
    import polars as pl

    scan = pl.scan_parquet(file)
    if not by:
        return {"": _taste(scan)}
    groups = sorted(scan.select(pl.col("segment").unique()).collect()["segment"])
    return {group: _taste(scan.filter(pl.col("segment") == group)) for group in groups}


def _analyse_pandas(file, by, analyse):
    """Return what is made of a pandas table, loading included."""
    import pandas as pd

    frame = pd.read_parquet(file, columns=[*COLUMNS, "variant", *(["segment"] if by else [])])
    return {group: analyse(part) for group, part in (frame.groupby("segment") if by else [("", frame)])}


def run_tea_pandas(file, by, threads):
    """tea-tasting on a pandas table."""
    return _analyse_pandas(file, by, lambda part: _taste(part.drop(columns="segment", errors="ignore")))


def run_pingouin(file, by, threads):
    """pandas with pingouin's Welch test; it has no adjusted mean difference of two arms and no ratio of sums."""
    import pingouin as pg

    def analyse(part):
        control, treatment = (part["outcome"][part["variant"] == arm] for arm in ARMS)
        t = float(pg.ttest(treatment, control, paired=False, correction=True)["T"].iloc[0])
        gap = float(treatment.mean() - control.mean())
        return {"mean": [gap, gap / t]}

    return _analyse_pandas(file, by, analyse)


def run_ols(file, by, threads):
    """statsmodels' OLS of the outcome on the arm, the centred covariate and their product, HC1; no ratio of sums."""
    import numpy as np
    import statsmodels.api as sm

    def analyse(part):
        arm = (part["variant"] == "treatment").to_numpy(float)
        centred = (part["covariate"] - part["covariate"].mean()).to_numpy()
        design = np.column_stack([np.ones(len(part)), arm, centred, arm * centred])
        fit = sm.OLS(part["outcome"].to_numpy(), design).fit(cov_type="HC1")
        return {"adjusted": [float(fit.params[1]), None]}

    return _analyse_pandas(file, by, analyse)


COMPETITORS = {  # what it is called: the function, whether it takes a number of threads, the modules it needs
    "ours": (run_ours, True, ("ibis.backends.duckdb",)),
    "raw sums (unsafe)": (run_sums, True, ()),
    "gbstats on raw sums": (run_gbstats, True, ("gbstats.frequentist.tests", "duckdb")),
    "tea-tasting, Ibis": (run_tea_ibis, True, ("tea_tasting", "ibis.backends.duckdb")),
    "tea-tasting, Polars": (run_tea_polars, True, ("tea_tasting", "polars")),
    "tea-tasting, pandas": (run_tea_pandas, False, ("tea_tasting", "pandas")),
    "pandas, pingouin": (run_pingouin, False, ("pingouin", "pandas")),
    "statsmodels OLS": (run_ols, False, ("statsmodels.api", "pandas")),
    "ours, all checks, report": (run_whole_road, True, ("ibis.backends.duckdb",)),
}
