"""What is known and what is only said: published claims, independent studies, and what our runs found of either."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import t as student

from helpers import paths
from helpers.inference.contrasts import share_ratio
from helpers.inference.planning import sample_size_normal, sample_size_proportions
from helpers.records import NAN, Check, Claim, DataInfo, Refused, Results

LEAST = 3  # randomised studies of one outcome, each with effect and error


def pool(effects, errors, *, confidence_level=0.95) -> dict[str, float]:
    """Return the mean of effects that differ from study to study, how far they differ, and where a next one may lie.

    Random effects: the variance between studies by Paule and Mandel, the interval by Hartung, Knapp, Sidik and Jonkman,
    whose scale is at least 1, so that studies that agree by chance make no interval shorter than the common effect's.
    The prediction interval holds its level for many studies; of six that differ it covers about 88 % (Partlett & Riley
    2017, Statistics in Medicine 36: 301-317).

    Parameters
    ----------
    effects : sequence of float, at least three, on a scale on which they add up, such as log ratios
    errors : sequence of float, above 0, their standard errors
    confidence_level : float, between 0 and 1

    Returns
    -------
    dict: `estimate`, `std_error`, `ci_low`, `ci_high`, `p_value` (of no effect; Student's t, k - 1 degrees of freedom);
        `tau2` (variance between studies), `i2` (share of the variance that is between them), `q`
        (Cochran's, of whether all are equal); `next_low`, `next_high`, the prediction interval of the effect in a study
        to come (Student's t, k - 2 degrees of freedom); `studies`.

    Raises
    ------
    Refused: fewer than three studies, an effect that is not finite, an error that is not above 0.

    References
    ----------
    Paule & Mandel 1982, Journal of Research of the National Bureau of Standards 87: 377-385; IntHout, Ioannidis & Borm
    2014, BMC Medical Research Methodology 14: 25; Roever, Knapp & Friede 2015, BMC Medical Research Methodology 15: 99
    (the scale of at least 1); Higgins, Thompson & Spiegelhalter 2009, JRSS A 172: 137-159 (prediction).

    Examples
    --------
    >>> found = pool([0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    >>> round(found["estimate"], 3), round(found["tau2"], 3), round(found["std_error"], 4)
    (0.2, 0.0, 0.0577)
    """
    y, s = np.asarray(effects, float), np.asarray(errors, float)
    if len(y) < LEAST or len(y) != len(s):
        raise Refused(f"pooling needs at least {LEAST} studies, each with effect and standard error; {len(y)} came")
    if not (np.isfinite(y).all() and np.isfinite(s).all() and (s > 0).all()):
        raise Refused("pooling needs finite effects and standard errors above 0; leave a study without them out")
    k, v, tau2 = len(y), s**2, 0.0
    q = _spread(0.0, y, v)
    if q > k - 1:
        most = float(np.var(y, ddof=1))
        while _spread(most, y, v) > k - 1:
            most *= 2
        tau2 = brentq(lambda t: _spread(t, y, v) - (k - 1), 0.0, most, xtol=1e-14)
    weights = 1 / (v + tau2)
    mean = float(weights @ y / weights.sum())
    error = math.sqrt(max(1.0, _spread(tau2, y, v) / (k - 1)) / weights.sum())
    reach = float(student.isf((1 - confidence_level) / 2, k - 1)) * error
    far = float(student.isf((1 - confidence_level) / 2, k - 2)) * math.sqrt(tau2 + error**2)
    found = {"estimate": mean, "std_error": error, "ci_low": mean - reach, "ci_high": mean + reach, "studies": k}
    found |= {"p_value": float(2 * student.sf(abs(mean) / error, k - 1)), "tau2": tau2, "q": q}
    found["i2"] = max(0.0, 1 - (k - 1) / q) if q else 0.0
    return found | {"next_low": mean - far, "next_high": mean + far}


def _spread(tau2, y, v):
    """Cochran's Q with a variance between studies: it falls as that grows."""
    weights = 1 / (v + tau2)
    return float(weights @ (y - weights @ y / weights.sum()) ** 2)


def pool_outcomes(effects: pd.DataFrame, *, confidence_level=0.95) -> pd.DataFrame:
    """Return each outcome with its randomised studies pooled, or why they are not.

    Parameters
    ----------
    effects : DataFrame, as `list_effects` gives it
        Several rows of one study count once: of them the first with an error is taken.
    confidence_level : float

    Returns
    -------
    DataFrame: one row an outcome. `outcome`, `randomised` (studies), `usable` (of them with effect and error),
        `ratio`, `ci_low`, `ci_high`, `reason` (why there is none).
    """
    rows, figures = [], ("ratio", "ci_low", "ci_high")
    for outcome, part in effects.groupby("outcome", sort=False):
        trials = part[part["grade"] == "A"]
        usable = trials.dropna(subset=["log_error"]).drop_duplicates("source")
        row = {"outcome": outcome, "randomised": trials["source"].nunique(), "usable": len(usable)}
        row |= {**dict.fromkeys(figures, NAN), "reason": "too few randomised studies with effect and error"}
        if len(usable) >= LEAST:
            found = pool(np.log(usable["ratio"]), usable["log_error"], confidence_level=confidence_level)
            values = (found[name] for name in ("estimate", *figures[1:]))
            row |= dict(zip(figures, map(math.exp, values), strict=True)) | {"reason": None}
        rows.append(row)
    return pd.DataFrame(rows)


NOTHING, UNTESTED = "nothing to test", "not tested by this run"
FILES = ("evidence_topics", "evidence_effects", "contradictions", "claim_review", "independent_evidence")
KINDS = ("yours", "simulated", "public")  # of a claim's verdicts the first counts
ON_AXIS = ("A", "A-", "B")  # designs that are drawn: users against others and raw ratios are not
TESTED = ("recovered", "not recovered", "consistent", "inconsistent", "too imprecise")
SAID = "said"
PLANNED = ("kind", "noun", "worthwhile")  # what is read of a metric's plan
FIGURES = ("estimate", "ci_low", "ci_high")


@dataclass(frozen=True)
class Facts:
    """The files of data/ that this review is about, one frame each, text empty where there is none."""

    claims: pd.DataFrame
    topics: pd.DataFrame
    effects: pd.DataFrame
    contradictions: pd.DataFrame
    reviewed: pd.DataFrame
    studies: pd.DataFrame


def read_facts(claims: pd.DataFrame) -> Facts:
    """Return the published claims and the evidence beside them.

    Parameters
    ----------
    claims : DataFrame, as `claims.read_claims` gives it
    """
    read = (pd.read_csv(paths.DATA / f"{name}.csv", dtype=str).fillna("") for name in FILES)
    topics, effects, contradictions, reviewed, studies = read
    numbers = [column for column in effects if column.startswith(("ratio", "rate_", "events_"))]
    effects = effects.assign(**{column: pd.to_numeric(effects[column]) for column in numbers})
    return Facts(claims, topics, effects, contradictions, reviewed, studies)


def list_effects(facts: Facts, *, confidence_level=0.95) -> pd.DataFrame:
    """Return every published effect as treatment divided by control, with an interval where its counts are published.

    Parameters
    ----------
    facts : Facts
    confidence_level : float

    Returns
    -------
    DataFrame: one row an effect. `source`, `outcome`, `label`, `grade` (of the design; "said" of a claim), `ratio`,
        `ci_low`, `ci_high`, `log_error` (all nan where no figure, or no count, is published), `drawn` (has a figure,
        and is said, an experiment or a corrected comparison, of an outcome that has both), `brief`, `note`, `reason`.

    References
    ----------
    Miettinen & Nurminen 1985, Statistics in Medicine 4: 213-226 (score interval of a ratio of shares).
    """
    grades = dict(zip(facts.studies["id"], facts.studies["causal_grade"].str.split().str[0], strict=True))
    rows = []
    for r in facts.effects.itertuples():
        ratio, low, high, error = r.ratio, NAN, NAN, NAN
        if r.events_control > 0:
            n_control = round(r.events_control / r.rate_control)
            n_treatment = round(r.events_treatment / r.rate_treatment)
            counts = r.events_treatment, n_treatment, r.events_control, n_control
            told = share_ratio(*counts, confidence_level=confidence_level)
            ratio, low, high = told.estimate, told.ci_low, told.ci_high
            error = math.sqrt(1 / counts[0] - 1 / n_treatment + 1 / counts[2] - 1 / n_control)
        found = {"source": r.source, "outcome": r.outcome, "label": r.label, "grade": grades.get(r.source, SAID)}
        found |= {"ratio": ratio, "ci_low": low, "ci_high": high, "log_error": error, "note": r.note}
        found["brief"] = f"{found['grade']}: {r.brief}".removesuffix(": ").replace("said: said", "said")
        rows.append({**found, "reason": None if np.isfinite(ratio) else "no figure"})
    frame = pd.DataFrame(rows)
    has = frame["ratio"].notna()
    held, said = (frame["grade"].isin(kinds) & has for kinds in (ON_AXIS, (SAID,)))
    both = set(frame.loc[held, "outcome"]) & set(frame.loc[said, "outcome"])
    return frame.assign(drawn=(held | said) & frame["outcome"].isin(both))


def size_topics(facts: Facts, found: dict, *, power=0.8, confidence_level=0.95) -> pd.DataFrame:
    """Return how many units would settle each question, at the values that the run of its study has.

    Both arms together, equal ones, one outcome that decides. Shares by their own variance; all else by the standard
    error in that run, which falls with the root of the units. Where a run has designed the experiment, the size for
    what is worth having is its own, by the plan's whole rule.

    Parameters
    ----------
    facts : Facts
    found : dict, run -> content of its results.json, or None where there is none
    power, confidence_level : float

    Returns
    -------
    DataFrame: one row a question that a run sizes. `topic`, `question`, `run`, `metric`, `unit`, `control_value`,
        `published` (the effect as published, in the metric's unit; nan where none was), `n_published`, `worthwhile`
        (the smallest effect that the plan calls worth having), `n_worthwhile`, `reason`.
    """
    options = {"power": power, "alpha": 1 - confidence_level}
    return pd.DataFrame([_size_topic(topic, found, options) for topic in facts.topics.itertuples()])


def _size_topic(topic, found, options):
    row = {"topic": topic.topic, "question": topic.question, "metric": topic.size_metric, "run": "", "unit": ""}
    row |= dict.fromkeys(("control_value", "published", "n_published", "worthwhile", "n_worthwhile"), NAN)
    for name, results in found.items():
        if not results or results["study"] != topic.size_study or results["status"] == "withheld":
            continue
        wanted = {"metric": topic.size_metric, "estimand": "difference", "population": "itt", "adjustment": "none"}
        wanted |= {"segment": None, "at": None}
        e = next((e for e in results["estimates"] if all(e[key] == value for key, value in wanted.items())), None)
        table = results["tables"].get("metrics", ())
        planned = next((m for m in table if m.get("metric") == topic.size_metric and set(PLANNED) <= set(m)), None)
        if None in (e, planned) or None in (e["std_error"], e["estimate"], e["control_value"]):
            continue
        sign = math.copysign(1, e["estimate"])
        published = float(topic.size_effect or NAN) * (e["control_value"] if topic.size_relative == "yes" else 1)
        worthwhile = planned["worthwhile"] or NAN
        row |= {"run": name, "unit": planned["noun"], "control_value": e["control_value"], "published": published}
        row |= {"worthwhile": worthwhile, "reason": None}
        for key, effect in (("n_published", published), ("n_worthwhile", worthwhile)):
            row[key] = _find_size(e, planned["kind"], sign * effect, options)
        return row | _read_design(topic, found)
    return {**row, "reason": "no run of ours sizes it"}


def _read_design(topic, found):
    """What the design of the experiment says of it, where a run has planned one; in place of our own size."""
    for name, results in found.items():
        is_design = results and results["study"] == "experiment_design"
        if is_design and results["plan"].get("file") == f"{topic.size_study}.yaml":
            for planned in results["tables"].get("settled", ()):
                figures = [planned.get(name) for name in ("needed", "control_value", "effect")]
                if planned.get("metric") == topic.size_metric and all(isinstance(n, int | float) for n in figures):
                    told = {"control_value": planned["control_value"], "worthwhile": abs(planned["effect"])}
                    return {**told, "n_worthwhile": float(math.ceil(planned["needed"])), "run": name}
    return {}


def _find_size(e, kind, effect, options):
    if not np.isfinite(effect):
        return NAN
    if kind == "binary":
        size = sample_size_proportions(e["control_value"], effect, **options)
    else:
        size = sample_size_normal(effect, e["std_error"] * math.sqrt(e["n_control"] + e["n_treatment"]), **options)
    return float(math.ceil(size)) if np.isfinite(size) else NAN


def review(facts: Facts, found: dict, effects: pd.DataFrame, sizes: pd.DataFrame, pooled: pd.DataFrame) -> Results:
    """Return the results of the review, without sentences.

    Parameters
    ----------
    facts : Facts
    found : dict, run -> content of its results.json, or None where there is none
    effects, sizes, pooled : DataFrame, as `list_effects`, `size_topics` and `pool_outcomes` give them

    Returns
    -------
    Results: `claims` those that no run of ours tests, each with its reason (those that one tests stand in its own
        results); tables `claims_reviewed`, one row a claim, `topics`, `published_effects`, `contradictions`, `sizes`,
        `pooled`, `studies` and `runs_read`.
    """
    claimed = _review_claims(facts, found, sizes)
    topics = facts.topics.merge(sizes.drop(columns=["question"]), on="topic", how="left")
    verdicts = [claimed.loc[claimed["topic"] == topic, "verdict"] for topic in topics["topic"]]
    told = [f"{part.isin(TESTED).sum()} of {(part != NOTHING).sum()}" for part in verdicts]  # data on it, no evidence
    runs = [_describe_run(name, results) for name, results in found.items()]
    tables = {
        "metrics": pd.DataFrame([{"metric": "claim", "label": "published claim", "kind": "binary", "noun": "claim"}]),
        "topics": topics.assign(ours=told),
        "published_effects": effects,
        "contradictions": facts.contradictions.assign(open=facts.contradictions["open"] == "yes"),
        "claims_reviewed": claimed,
        "sizes": sizes,
        "pooled": pooled,
        "studies": facts.studies,
        "runs_read": pd.DataFrame(runs),
    }
    n, several = len(facts.claims), len(facts.studies)
    info = DataInfo("public", f"{n} claims of five articles and {several} independent studies", "data", None, n, n)
    untested = claimed[claimed["verdict"].isin([NOTHING, UNTESTED])]
    values = [None if np.isnan(value) else value for value in untested["value"]]
    kept = tuple(
        Claim(r.id, value, r.unit, r.published_as, None, NAN, NAN, NAN, r.verdict, r.reason)
        for value, r in zip(values, untested.itertuples(), strict=True)
    )
    title = "What is known about support, and what is only said?"
    checks = tuple(_check(facts, found, claimed))
    return Results("evidence_review", title, title, "answered", info, {}, checks, claims=kept, tables=tables)


def _review_claims(facts, found, sizes):
    """One row a claim: verdict and reason of the run that speaks of it most, the studies that bear on it."""
    held = _collect_verdicts(found)
    bearing = facts.studies.assign(claim=facts.studies["claims"].str.split()).explode("claim")
    bearing["told"] = bearing["id"] + " (" + bearing["causal_grade"] + ")"
    beside, sized = bearing.groupby("claim")["told"].agg(", ".join), sizes.set_index("topic")
    rows, read = [], {results["study"] for results in found.values() if results}
    for r in facts.claims.merge(facts.reviewed, on="id").itertuples():
        unread = f"No results of {r.study.replace('_', ' ')} were read."
        why = r.reason or ("No run of ours tests it." if r.study in read else unread)
        own = {"verdict": r.verdict or UNTESTED, "reason": why, "run": "", "kind_of_data": ""}
        size = sized.loc[r.topic] if r.topic in sized.index and r.metric == sized.loc[r.topic, "metric"] else {}
        row = {"id": r.id, "topic": r.topic, "published_as": r.published_as, "value": r.value, "unit": r.unit}
        row |= {"grade": r.grade, "not_stated": r.not_stated, "settled_by": r.settled_by}
        row |= {"evidence": beside.get(r.id, "")}
        row |= {**own, **held.get(r.id, {}), "n": size.get("n_published", NAN) if len(size) else NAN}
        rows.append({**dict.fromkeys(FIGURES, NAN), **row} | ({"settled_by": ""} if row["verdict"] == NOTHING else {}))
    return pd.DataFrame(rows).astype(dict.fromkeys(FIGURES, float))


def _collect_verdicts(found):
    """Verdicts by claim: of the researcher's own data first, then of simulated data; a test before none."""
    order = [(KINDS.index(results["data"]["kind"]), name, results) for name, results in found.items() if results]
    held = {}
    for _, name, results in sorted(order, key=lambda one: one[0]):
        for claim in results["claims"]:
            before = held.get(claim["id"])
            if before is None or (before["verdict"] == UNTESTED and claim["verdict"] != UNTESTED):
                told = {"verdict": claim["verdict"], "reason": claim["reason"], "run": name}
                found_there = {key: claim.get(key) for key in FIGURES}
                held[claim["id"]] = told | found_there | {"kind_of_data": results["data"]["kind"]}
    return held


def _describe_run(name, results):
    if results is None:
        return {"run": name, "study": "", "status": "missing", "data": "", "claims": 0, "tested": 0}
    tested = sum(claim["verdict"] in TESTED for claim in results["claims"])
    told = {"run": name, "study": results["study"], "status": results["status"], "data": results["data"]["kind"]}
    return told | {"claims": len(results["claims"]), "tested": tested}


def _check(facts, found, claimed):
    lost = [name for name, results in found.items() if results is None]
    stopped = [name for name, results in found.items() if results and results["status"] != "answered"]
    wrong = [f"{name} has no results" for name in lost] + [f"{name} is {found[name]['status']}" for name in stopped]
    wrong = [told.replace("_", " ") for told in wrong]
    told = f"all {len(found)} runs that it needs were read and answered" if found else "no run of ours was read"
    wrong, told = wrong or [told] * (not found), "; ".join(wrong) or told
    yield Check("runs", "warn" if wrong else "pass", float(len(lost) + len(stopped)), 0.0, f"{told}.")
    silent = int((claimed["reason"] == "").sum())
    told = "every claim has a verdict with a reason" if not silent else f"{silent} claims have no reason"
    yield Check("claims", "fail" if silent else "pass", float(silent), 0.0, f"{told}.")
    unread = facts.studies.loc[facts.studies["verification"] != "read", "id"].tolist()
    told = f"{len(unread)} of {len(facts.studies)} studies are known from others' words alone: {', '.join(unread)}"
    told = told if unread else "all studies were read at their source"
    yield Check("sources", "warn" if unread else "pass", float(len(unread)), 0.0, f"{told}.")
