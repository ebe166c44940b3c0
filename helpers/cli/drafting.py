"""The command `studies plan`: a commented plan drafted from a table, with the decisions left to the researcher."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import ibis

from helpers import schema, sources
from helpers.cli import workspace
from helpers.records import Refused
from helpers.report.folders import write_file
from helpers.sources.addresses import read_address
from helpers.sources.engine import ask

MOST_LABELS = 20
TRUTHS = (("true", "1"), ("yes", "1"), ("false", "0"), ("no", "0"))
CONTROLS = ("control", "baseline", "placebo", "old", "off", "no", "none", "false", "0", "without", "a")
HEAD = """\
# Drafted by `studies plan` from {file}. Decide every role before you look at an effect; guesses say that they are.
kind: experiment
title: {title}
question: {question}
unit: {unit}
unit_id: {unit_id}
variant:
  column: {variant}
  control: {control}   # guessed; every difference is treatment minus control
  treatments: [{treatments}]
  # split: {{{split}}}   # planned shares; left out means equal; `unknown` when nobody planned them
{assigned_at}# as_of: 2022-04-30   # last day the data is complete for
# enrolment_days: 28
# planned_units: 4000   # the answer is interim until they are all in
confidence_level: 0.95
min_cell: 10   # no cell below a whole variant shows fewer units than this
# covariates: [{labels}]   # only what was measured before assignment
# segments: [{labels}]   # exploratory
metrics:
  # role: primary decides; secondary; guardrail must not worsen by more than its margin; exploratory
  # better: which way is good: higher, lower or neither; worthwhile: the smallest difference that matters to you
  # Further keys, for a metric of that kind:
  # quantile: 0.9   # count, amount or score: compare this quantile of the units instead of their mean
  # scale: ordered   # score: its levels have an order and no distances; compare which arm is higher
  # time_at_risk: days_at_risk   # count: the column with each unit's time at risk; the metric is then a rate
  # competing: [closed]   # time_to_event: events after which the first can no longer happen
"""
METRIC = """\
  {name}:
    kind: {kind}   # guessed: {reason}
    role:   # primary | secondary | guardrail | exploratory
    better: neither
    # worthwhile:
"""


@dataclass(frozen=True)
class Profile:
    """One column: how many cells are known, distinct, numbers, whole numbers, dates, and the numbers' range."""

    known: int
    distinct: int
    numbers: int
    whole: int
    dates: int
    low: float | None
    high: float | None

    @property
    def guess(self) -> tuple[str, str]:
        """What the column could be, and why: a metric's kind, `date`, `labels`, or `other`."""
        if self.known == 0 or (self.whole == self.distinct == self.known > MOST_LABELS):
            return "other", "empty, or a number of its own in every row"
        if self.numbers < self.known:
            labels = "labels" if self.distinct <= MOST_LABELS else "other"
            return ("date" if self.dates == self.known else labels), "text"
        if self.whole < self.known or self.low < 0:
            return "amount", "numbers with fractions, or below 0"
        return ("binary", "only 0 and 1") if self.high <= 1 else ("count", "whole numbers from 0 up")


def draft_plan(arguments):
    """Print a plan that fits the table, or write it to a new file."""
    data = arguments.data if len(arguments.data) > 1 else arguments.data[0]
    table, file = sources.read_table(data, table=arguments.table), read_address(data).name
    named = {"--unit-id": arguments.unit_id, "--variant": arguments.variant}
    schema.refuse_missing(
        [schema.Column(column, use, "text") for use, column in named.items()], table.columns, file=file
    )
    arms = _list_arms(table, arguments.variant, file)
    profiles = profile_columns(table, [c for c in table.columns if c not in named.values()], file=file)
    text = write_draft(arguments.unit_id, arguments.variant, arms, profiles, file=file)
    if arguments.to is None:
        return print(text, end="")
    target = Path(arguments.to).expanduser()
    if target.exists() and target.read_bytes() != workspace.PLAN.encode():  # an untouched example may go
        raise Refused(f"{target.name}: exists already; name a new file")
    write_file(target, text)
    print(f"{arguments.to}: decide every role, then studies check {arguments.data[0]} --plan {arguments.to}")


def profile_columns(table, columns, *, file):
    """Return a Profile of each column, from one query.

    Parameters
    ----------
    table : ibis.Table
    columns : list of str
    file : str
        What messages call the table.

    Returns
    -------
    dict of str to Profile
    """
    asked = {f"{i}_{key}": value for i, name in enumerate(columns) for key, value in _questions(table[name]).items()}
    row = ask(lambda: table.aggregate(**asked).to_pyarrow().to_pylist()[0], file) if asked else {}
    keys = Profile.__dataclass_fields__
    return {name: Profile(**{key: row[f"{i}_{key}"] for key in keys}) for i, name in enumerate(columns)}


def write_draft(unit_id, variant, arms, profiles, *, file):
    """Return the YAML text of a plan: kinds guessed, roles blank, the first arm as control, the split equal.

    Parameters
    ----------
    unit_id, variant : str
        Column names.
    arms : list of str
        Labels, the control first.
    profiles : dict of str to Profile
        The other columns.
    file : str
        Base name of the table.
    """
    guesses = {name: profile.guess for name, profile in profiles.items()}
    dates = [name for name, (kind, _) in guesses.items() if kind == "date"]
    head = HEAD.format(
        file=file,
        title=_quote(f"Experiment in {file}"),
        question=_quote(f"Does {' or '.join(arms[1:])} differ from {arms[0]}?"),
        unit=_quote(re.sub(r"_?id$", "", unit_id) or "unit"),
        unit_id=_quote(unit_id),
        variant=_quote(variant),
        control=_quote(arms[0]),
        treatments=", ".join(map(_quote, arms[1:])),
        split=", ".join(f"{_quote(arm)}: {1 / len(arms):.4g}" for arm in arms),
        assigned_at="".join(
            f"# assigned_at: {_quote(name)}   # if this is when the unit got its variant\n" for name in dates
        ),
        labels=", ".join(_quote(name) for name, (kind, _) in guesses.items() if kind == "labels"),
    )
    metrics = {name: guess for name, guess in guesses.items() if guess[0] in ("binary", "count", "amount")}
    if not metrics:
        raise Refused(f"{file}: no column holds numbers, so there is no metric to plan; name a table with outcomes")
    return head + "".join(METRIC.format(name=_quote(n), kind=kind, reason=why) for n, (kind, why) in metrics.items())


def _list_arms(table, variant, file):
    label = table[variant].cast("string").strip()
    counted = table.select(label=label).filter(ibis._.label.length() > 0).distinct().limit(MOST_LABELS + 1)
    labels = sorted(ask(lambda: counted.to_pyarrow().column("label").to_pylist(), file))
    arms = list({text.casefold(): text for text in reversed(labels)}.values())[::-1]
    if len(labels) > MOST_LABELS:
        raise Refused(
            f"{file}, column {variant}: more than {MOST_LABELS} labels, so it is no variant; name another column"
        )
    if len(arms) < 2:
        raise Refused(f"{file}, column {variant}: {len(arms)} label, and an experiment needs two; name another column")
    return sorted(arms, key=lambda arm: CONTROLS.index(arm.casefold()) if arm.casefold() in CONTROLS else len(CONTROLS))


def _questions(column):
    """Return what one column is asked: text is tried as a number (with a decimal point or comma) and as a date."""
    text = column.cast("string").strip().nullif("")
    truth = text.lower().cases(*TRUTHS, else_=text)
    date = column.cast("timestamp") if column.type().is_temporal() else text.try_cast("timestamp")
    number = truth.replace(",", ".").try_cast("float64")
    return {
        "known": text.count(),
        "distinct": text.nunique(),
        "numbers": number.count(),
        "whole": (number == number.floor()).sum().coalesce(0),
        "dates": date.count(),
        "low": number.min(),
        "high": number.max(),
    }


def _quote(text):
    """Return text as a YAML scalar that means exactly this text."""
    plain = re.fullmatch(r"[A-Za-z_][\w -]*(?<! )", text) and text.lower() not in ("null",)
    return text if plain else json.dumps(text, ensure_ascii=False)
