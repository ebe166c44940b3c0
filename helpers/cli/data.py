"""The commands about tables, without a study: check holds one to its plan, simulate writes one."""

import json
import math
import os
import sys
from pathlib import Path

from helpers import plan as plans
from helpers import schema
from helpers.cli import print_table, tell
from helpers.records import STATUS_WORDS, Refused

SIGNS = {"above": "above 0", "below": "below 0", "zero": "of 0", "without": "without a value"}
NOTHING_DECIDES = "the plan names no primary metric, so nothing decides; give one of them role: primary"
HEADS = ("metric", "method", "clear", "by chance", "fewest", "p-values by tenth, % of the splits", "")


def check_table(arguments):
    """Print every check of a table against its plan, whether a study would withhold its answer, and the A/A test."""
    if arguments.seed is not None and not arguments.aa:
        raise Refused("--seed: draws the splits of --aa; give both, or neither")
    design = plans.read(arguments.plan, kind=None).design
    from helpers import checks, inference, metrics, sources  # heavy, and a plan is refused without them

    read = {"table": arguments.table, "events": arguments.events, "events_table": arguments.events_table}
    if design.kind == "framework":
        if arguments.aa:
            raise Refused("--aa: splits the units of an experiment, and the plan is of kind framework; leave it out")
        source = sources.load_accounts(design, arguments.data, **read)
        accounts, info = metrics.fold_accounts(source, design), source.info
        trust = checks.check_accounts(source, accounts)
        told = "has nothing to compare." if any(check.status == "fail" for check in trust) else "would answer."
        steps = (*info.steps, *metrics.accounts.explain_accounts(accounts))
        return _print_checks(steps, (*info.messages, *accounts.messages), trust, f"A study of these accounts {told}")
    source = sources.load(design, arguments.data, **read)
    units = metrics.fold(source, design)
    trust = checks.run(units, source, design)
    reason = checks.withheld(trust, design)
    told = f"withholds its answer: {reason}" if reason else _tell_gaps(inference.explain_gaps(units, trust), design)
    decides = [] if design.by_role("primary") else [NOTHING_DECIDES]
    said = (*decides, *source.info.messages, *units.messages)
    _print_checks(source.info.steps, said, trust, f"A study of this table {told}", added=units.added)
    if arguments.aa:
        _print_splits(units, n_splits=arguments.aa, seed=1 if arguments.seed is None else arguments.seed)


def _tell_gaps(gaps, design):
    """Whether a study would answer, and what it cannot estimate."""
    said = "; ".join(f"{design.label_of(name)} cannot be estimated: {reason}" for name, reason in gaps.items())
    if not gaps:
        return "would answer."
    return f"would not answer: {said}." if set(design.asked) <= set(gaps) else f"would answer, but {said}."


def _print_checks(steps, messages, trust, verdict, *, added=()):
    lines = [(f"{rows:,}", f"{step}: {note}" if note else step) for step, rows, note in steps]
    lines += [("said", message) for message in messages]
    for row in added:
        signs = [f"{row[sign]:,} {words}" for sign, words in SIGNS.items() if row[sign]]
        much = [] if row["events"] is None else [f"{schema.say(row['events'], 'event')} of {row['total']:,.15g} in all"]
        monies = [f"currencies: {row['currencies']:,}"] if "currencies" in row else []
        of = ", ".join(dict.fromkeys((row["metric"], row["event"])))
        lines.append(("adds", f"{of}: {', '.join([*much, *signs, *monies])}"))
    lines += [(STATUS_WORDS.get(check.status, check.status), f"{check.id}: {check.message}") for check in trust]
    print(*(f"{head:>12}  {text}" for head, text in lines), verdict, sep="\n")


def _print_splits(units, *, n_splits, seed):
    """Print what each metric's test says of splits without any real difference, one line a metric and treatment."""

    def progress(done, of):
        tell(f"{done:,} of {of:,} splits" if done < of else "")

    from helpers import checks

    found = checks.resplit(units, n_splits=n_splits, seed=seed, progress=progress if sys.stderr.isatty() else None)
    design, shares = units.design, units.design.variant.shares
    how = ", ".join(f"{arm} {100 * share:g} %" for arm, share in shares.items()) if shares else "as found"
    print(
        f"A/A test: {n_splits:,} times every {design.cluster or design.unit} of all arms is put into an arm at random "
        f"({how}; seed {seed}), so no difference can be real. A test that keeps its promise calls "
        f"{100 * design.alpha:g} % of these splits clear, or by chance what that column says, and its p-values fill "
        f"every tenth alike. Fewest: {schema.pluralise(design.cluster or design.unit)} in an arm of any split; of a "
        "share those with the event, or those without."
    )
    print_table([HEADS, *(_write_split(row, design) for row in found)], margin="", sides="<<>>><", width=240)


def _write_split(row, design):
    """Return a line of the A/A test: how often a test calls chance clear, what chance allows, and its verdict."""
    name = f"{row.metric} ({row.treatment})" if len(design.variant.treatments) > 1 else row.metric
    if row.judgement is None:
        return name, row.method, "", "", "", "", f"not resplit: {row.reason}"
    from helpers.checks import count_by_tenth

    told = row.judgement
    cell = f"under {design.min_cell}" if row.smallest_cell < design.min_cell else f"{row.smallest_cell:,}"
    if math.isnan(told.clear):
        return name, row.method, "none", "", cell, "", told.verdict
    tenths = " ".join(f"{round(100 * share):>2}" for share in count_by_tenth(row.p_values))
    chance = f"{100 * told.band_low:.1f} to {100 * told.band_high:.1f} %"
    return name, row.method, f"{100 * told.clear:.1f} %", chance, cell, tenths, told.verdict


def simulate_tables(arguments):
    """Write a study's simulated tables into a folder; tables that are there and differ are left alone."""
    from helpers import simulate

    given = {name: value for name in ("n_units", "seed") if (value := getattr(arguments, name)) is not None}
    made = simulate.simulate(arguments.study, plans.read(arguments.plan).design, **given)
    # of accounts, what a user has: nobody assigned them, and no row is folded yet
    is_framework = arguments.study in ("customer_milestones", "support_metrics")
    names = ("accounts", "events") if is_framework else ("assignments", "events", "units")
    tables = zip(names, (made.assignments, made.events, made.units), strict=False)
    files = {f"{name}.parquet": table.to_parquet(index=False) for name, table in tables if table is not None}
    files["truth.json"] = (json.dumps(made.truth, indent=1, sort_keys=True, default=str) + "\n").encode()
    folder = Path(os.path.expanduser(arguments.to)).resolve()
    other = [name for name, new in files.items() if (folder / name).exists() and (folder / name).read_bytes() != new]
    if other:
        raise Refused(f"{folder.name}: holds another {', '.join(other)}; name a new folder, or move them away")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    print(f"{arguments.to}: {', '.join(files)}\n{made.note}")
