"""What adds to amounts: whether names, signs, currencies and states of payment agree with a sum."""

import re
from collections import Counter

import numpy as np

from helpers.checks.logs import LEAST_TOLD, WEEK, write_day
from helpers.checks.rates import ALERT, compare_counts, compare_rates, count_shares, write_rates
from helpers.checks.values import Size, read_answers, read_sizes
from helpers.metrics import Units, count_units, payments
from helpers.metrics.moments import see_values
from helpers.plan import ExperimentPlan
from helpers.records import Check

BACK = re.compile(payments.BACK)
DOUBTFUL = re.compile(r"credit|return|rebate|discount|cancel|void|repay|cash.?back|gutschrift|retour|avoir|adjust")
CARD, WORD = re.compile("credit.?card"), re.compile(r"[^\W\d_]+")
MONEY_IN = re.compile(  # words beside those of payments: an event whose name holds others may be money back
    "upsell|topup|subscri(ption|ptions|bed)|upgrade[sd]?|income|book(ing|ings|ed)|fees?|spen[dt]|abo|plan|add|on|addon|"
    "seats?|expansion|new|first|initial|trial|one|time|recurring|monthly|annual|yearly|weekly|completed|succe(ss|eded)|"
    "received|settled|captured|card|online|shop|store|web|app"
)
EMPTY_WARNS = 0.05  # of the events that are added up may lack a value
MOST = 0.9  # of the values that are not 0, from which on a sign is that of the event
MINOR = 0.05  # of them, from which on an event has both signs, and below which the others are corrections
SOUND = "As far as names and signs tell, no money back adds to a sum of other events, and {monies}."
CURE = "give them a minus sign, or leave the event out of metrics.{name}.event"
ADDS = "Money back adds to {label}: the values of {event} are above 0, beside {others}; " + CURE + "."
MIXED = "The values of {event} in {label} have both signs; where those above 0 are money back, " + CURE + "."
MAY_ADD = "The values of {event} add to {label}, beside {others}; where they are money back, " + CURE + "."
AS_WRITTEN = "Signs of {unknown} in {label} are as written; check that money in is above 0, and money back below."
BOTH = "The values of {event} in {label} have both signs; check that both are meant."
EMPTY = "{n:,} of {all:,} events of {event} have no value, and add nothing to {label}; give their values."
MANY = "Currencies are mixed: {label} adds up {n}; convert its values into one, or leave their column out if they are."
FOREIGN = "Another currency than {unit}, in which {label} is planned, is added up; convert the values, or correct unit."
VOID = 0.01  # of the values that are added up may be of no payments, or without a currency
GIVEN_BACK = 0.05  # of them may have been given back, alike in the arms
FOUND = {  # what is wrong with some of the values that are added up, told by arm
    "unpriced": "No currency stands beside values of {label}: {rates}; write it, or leave its column out if it is one.",
    "void": "{label} counts what is no payment, as it failed, is open, cancelled or a test: {rates}; leave it out of "
    "the events.",
    "returned": "{label} adds up payments that were given back, and nothing takes them off: {rates}; leave them out, "
    "or give the refunds a minus sign.",
}
UNANSWERED = (
    "The answers of {label} are 0 far too often, {n:,} of {all:,}{where}, as where nobody answered; leave those cells "
    "empty."
)
REVERSED = (
    "The answers of {label} in {arm} are spread as those in {other} would be if read backwards; the scale may "
    "be turned in one arm."
)
TURNED = "The values of {event} in {label} are below 0 in one arm and above in another; give both one sign."
UNITS = (
    "The {part}values of {label} in {arm} are about {factor:,.0f} times those in {other}, as cents beside whole units "
    "would be; give both one unit."
)
SINCE = (
    "The values of {label}{where} from {day} on are about {times} those before, as cents beside whole units would be; "
    "give all one unit."
)
NO_RETURN = (
    "Of {event} in {label} hardly any stands in {arm}, where {n:,.0f} would be expected; money back may be lost."
)
CODES = (
    "{n:,} of the {all:,} values of {label} that are not 0 are {code}, {why}; leave them empty where that is a code "
    "for none."
)
TWICE = 2  # times the next value, from which on a code is no value
FARTHER, FARTHEST = 10, 100  # times the next count, and amount, from which on nothing is one that is given often
FEW_CODES, SOME_CODES = 7, 4  # values, below which nothing is read into them; alike ones, beside others or far above
NINES_OF_COUNTS, NINES_OF_AMOUNTS = 2, 4  # that a code has: 999 is a price
LARGEST = {2**power - shift for power in (15, 16, 31, 32, 63, 64) for shift in (0, 1)}  # that numbers can be
BELOW = {-float(str(digit) * times) for digit in (1, 8, 9) for times in range(1, 7)}  # codes below 0
HEAP, STEEP = 1 / 3, 20  # of the answers, and times those of 1, above which answers of 0 are none
MIRRORED, UNLIKE = 1 / 3, 0.5  # of how unlike arms are, up to which they are when one is read backwards; and from where
LOW, DOUBT = 3, 0.05  # answers up to it become more with those of 0 where people are unhappier; below this p they did
APART, QUARTERS = 50, (0.25, 0.5, 0.75)  # times, above which no treatment makes values larger; where it is judged
LEAST_SIZED, LEAST_ANSWERS = 50, 4  # values of an arm, below which nothing is read; and answers of a scale
DURATION = re.compile("(milli|micro)?sec(ond)?s?|ms|s|min(ute)?s?|h(ou)?rs?|h|days?", re.IGNORECASE)
ALIKE = 0.97  # 98 and 99, two codes
NO_EFFECT = "Its effect is not estimated."
RELEASE = "Where that is meant, a reason under the plan's key acknowledge releases the answer."


def check_amounts(units: Units, design: ExperimentPlan) -> tuple[Check, ...]:
    """Return the check `events_add`, and one of each metric that its faults fail; none where nothing is added up.

    Parameters
    ----------
    units : Units
        Its `added` says what each event adds to each amount.
    design : ExperimentPlan

    Returns
    -------
    tuple of Check: `events_add` fails where a metric that decides (primary, guardrail, asked, or a part of such a
        ratio) has codes for none, values of no payments, or without a currency in one arm; has one arm in another
        unit, or without the money back of the control; adds an event that is named as money back to others; sums
        several currencies or another one than its unit. Of other metrics, and of names, signs and sizes that can be
        read in two ways, and of scores whose scale one arm turns, it warns.
        `value` counts the faults. `events_add_<metric>` fails where another metric has such a fault;
        `acknowledge: {events_add: why}` releases it too.
    """
    seen = {of for of, _ in see_values(units)}
    apart = {name: told for name in design.metrics if name in seen and (told := [*_find_values(name, units, design)])}
    if not units.added and not apart:
        return ()
    decide, grave, doubts, failed = {*design.by_role("primary", "guardrail"), *design.asked}, [], [], []
    decide |= {part for name in decide for part in (design.metrics[name].numerator, design.metrics[name].denominator)}
    is_released = "events_add" in design.acknowledge
    for name in dict.fromkeys((*(row["metric"] for row in units.added), *apart)):
        rows = [row for row in units.added if row["metric"] == name]
        found = [*(_find_faults(name, rows, design) if rows else ()), *apart.get(name, ())]
        sure, unsure = ([told for is_sure, told in found if is_sure is wanted] for wanted in (True, False))
        (grave if name in decide else doubts).extend(sure)
        doubts += unsure
        if sure and name not in decide and not is_released:
            failed.append(Check(f"events_add_{name}", "fail", float(len(sure)), 0.0, " ".join([*sure, NO_EFFECT])))
    status = "fail" if grave else "warn" if doubts else "pass"
    is_told = all("currencies" in row for row in units.added)
    monies = "one currency is added up" if is_told else "no column names a currency"
    told = [*grave, *doubts, *([RELEASE] if grave and not is_released else [])] or [SOUND.format(monies=monies)]
    return Check("events_add", status, float(len(grave + doubts)), 0.0, " ".join(told)), *failed


def _find_faults(name, rows, design):
    """Yield whether it is sure, and a sentence, of what is wrong in a sum of events."""
    unknown, told = [], {"name": name, "label": design.label_of(name)}
    plain = {row["event"]: CARD.sub("card", row["event"].casefold()) for row in rows}
    back, doubtful = ({event for event, name in plain.items() if at.search(name)} for at in (BACK, DOUBTFUL))
    adding = [row["event"] for row in rows if row["above"] and row["event"] not in back | doubtful]
    for row in rows:
        event, above, below = row["event"], row["above"] or 0, row["below"] or 0
        if (row.get("without") or 0) > EMPTY_WARNS * (row.get("events") or 0):
            yield False, EMPTY.format(n=row["without"], all=row["events"], event=event, **told)
        others = [other for other in adding if other != event]
        is_back, may_be = (bool(others) and event in names for names in (back, doubtful))
        found = {"event": event, "others": " and ".join(others), **told}
        if (is_back or may_be) and above and above >= MOST * (above + below):
            yield is_back, (ADDS if is_back else MAY_ADD).format(**found)
        elif min(above, below) > MINOR * (above + below):
            yield False, (MIXED if is_back or may_be else BOTH).format(**found)
        elif others and above != below and (above > below) != _is_money_in(plain[event]):
            unknown.append(event)
    if unknown:
        yield False, AS_WRITTEN.format(unknown=" and ".join(unknown), **told)
    if (n := max(row.get("currencies", 0) for row in rows)) > 1:
        yield True, MANY.format(n=n, **told)
    elif rows[0].get("foreign", 0):
        yield True, FOREIGN.format(unit=design.metrics[name].unit, **told)


def _is_money_in(event):
    words = WORD.findall(event)
    return all(MONEY_IN.fullmatch(word) or payments.PAYMENT.search(word) for word in words)


def _find_values(name, units, design):
    """Yield whether it is sure, and a sentence, of values that are codes for none, or of no payments."""
    metric, label, arms = design.metrics[name], design.label_of(name), design.variant.arms
    found = {read: [told[arm] for arm in arms] for (of, read), told in see_values(units).items() if of == name}
    for read, told in found.items():
        if "answers" in told[0]:
            yield from ((True, said) for said in _find_unanswered(told, label))
            yield from ((False, said) for said in _find_reversed(told, label, design.variant))
        if "sizes" in told[0]:
            yield from ((True, said) for said in _find_code(told, label, design, metric))
            yield from _find_units(told, label, design, metric)
            yield from _find_back(told, read, label, units)
        if "days" in told[0]:
            yield from _find_since(told, label, units, metric)
    has_back = any(BACK.search(read.casefold()) for read in found)
    for what, said in FOUND.items():
        if what == "returned" and (has_back or metric.how.total != "amount"):
            continue
        counted = [told for told in found.values() if "n" in told[0]]
        counts = [[sum(told[i].get(key, 0) for told in counted) for key in (what, "n")] for i in range(len(arms))]
        sizes = count_units(units)[None]
        shares = count_shares(counts, [sizes[arm] for arm in arms])
        n, whole = map(sum, zip(*counts, strict=True))
        means_other = what == "void" and name not in units.heard and any(2 * low > high for low, high in counts)
        if n and not (means_other and all(low in (0, high) for low, high in counts)):  # the column is the arm itself
            most = {"void": VOID, "returned": GIVEN_BACK}.get(what, 1.0)
            is_odd = compare_rates(shares) < ALERT or n > most * whole
            yield is_odd and not means_other, said.format(label=label, rates=write_rates(design, shares))


def _find_unanswered(arms, label):
    """Yield a sentence where 0, the lowest answer, is given so often that it may stand for none, in all or in one arm.

    In one arm it does where another has hardly any, and other low answers are not given more often as well.
    """
    counts = [Counter(read_answers(told["answers"])[0]) for told in arms]
    whole, worst = sum(counts, Counter()), max(counts, key=lambda one: one[0] / max(1, one.total()))
    if not whole or min(whole) < 0:
        return
    if whole[0] > max(HEAP * whole.total(), STEEP * whole[1]):
        yield UNANSWERED.format(n=whole[0], all=whole.total(), label=label, where="")
        return
    zeros = [(one[0], one.total()) for one in counts]
    low = count_shares([(sum(one[i] for i in range(1, LOW + 1)), one.total() - one[0]) for one in counts])
    shares = [none / max(1, n) for none, n in zeros]
    if min(shares) <= MINOR * max(shares) and compare_counts(zeros) < ALERT and not compare_rates(low) < DOUBT:
        yield UNANSWERED.format(n=worst[0], all=worst.total(), label=label, where=" in one arm")


def _find_reversed(arms, label, variant):
    """Yield a sentence where an arm's answers are far from the control's, and near them when read backwards."""
    counts = [read_answers(told["answers"])[0] for told in arms]
    given = sorted(set().union(*counts))
    if min(sum(one.values()) for one in counts) < LEAST_SIZED or given[-1] - given[0] < LEAST_ANSWERS - 1:
        return
    levels = np.arange(given[0], given[-1] + 1)
    control, *treated = ([one.get(level, 0) / sum(one.values()) for level in levels] for one in counts)
    for arm, own in zip(variant.treatments, treated, strict=True):
        apart, turned = (np.abs(np.subtract(own, side)).sum() / 2 for side in (control, control[::-1]))
        if apart > UNLIKE and turned < MIRRORED * apart:
            yield REVERSED.format(label=label, arm=arm, other=variant.control)


def _find_units(arms, label, design, metric):
    """Yield whether it is sure, and a sentence, of an arm whose values are in another unit, all of them or the largest.

    The largest may be those of what a treatment alone sells, and a treatment may well make times so much shorter.
    """
    control, *treated = (_find_quarters(told["sizes"]) for told in arms)
    for arm, own in zip(design.variant.treatments, treated, strict=True):
        if design.units_in_row or own is None or control is None:
            continue
        larger, smaller, times = arm, design.variant.control, own / control
        if times[-1] < 1:
            larger, smaller, times = smaller, larger, 1 / times
        is_whole = times.min() > APART
        if is_whole or times[-1] > APART:
            part, factor = ("", np.median(times)) if is_whole else ("largest ", times[-1])
            is_sure = bool(is_whole) and not DURATION.fullmatch(metric.unit or "")
            yield is_sure, UNITS.format(part=part, label=label, arm=larger, other=smaller, factor=factor)


def _find_since(arms, label, units, metric):
    """Yield whether it is sure, and a sentence, of the day from which on values are in another unit.

    Where all units are assigned at once, prices that follow a trial are as far from it.
    """
    found = {}
    for arm, told in zip(units.design.variant.arms, arms, strict=True):
        rows = sorted([float(part) for part in text.split(":")] for text in told["days"] or ())
        day, n, total = np.array(rows).reshape(-1, 3).T
        (n, rest), (total, later) = ((part.cumsum()[:-1], part[::-1].cumsum()[-2::-1]) for part in (n, total))
        shift = np.where(np.minimum(n, rest) >= LEAST_SIZED, later / rest - total / n, 0.0)
        if len(shift) and abs(worst := shift[at := np.abs(shift).argmax()]) > np.log(APART):
            found[arm] = day[at + 1], np.exp(abs(worst)), worst > 0
    if found:
        day, factor, is_larger = next(iter(found.values()))
        where = "" if len(found) == len(arms) else f" in {' and '.join(found)}"
        times = f"{factor:,.0f} times" if is_larger else f"1/{factor:,.0f} of"
        first, last = units.assigned
        is_sure = (last - first).days >= WEEK and not DURATION.fullmatch(metric.unit or "")
        yield is_sure, SINCE.format(label=label, where=where, day=write_day(day), times=times)


def _find_quarters(told):
    """The values, without their signs, below which a quarter, half and three quarters lie; None of few."""
    found = sorted((abs(size.total) / size.n, size.n) for size in read_sizes([told]))
    values, counts = np.array(found).reshape(-1, 2).T
    if counts.sum() < LEAST_SIZED:
        return None
    return values[np.searchsorted(counts.cumsum(), np.multiply(QUARTERS, counts.sum()))]


def _find_back(arms, read, label, units):
    """Yield whether it is sure, and a sentence, of an arm without the money back of the others, or with another sign.

    A treatment may be to give money back, which the control then has none of.
    """
    arms, sizes = dict(zip(units.design.variant.arms, arms, strict=True)), count_units(units)[None]
    counts = {arm: int(told["n"] or 0) for arm, told in arms.items()} if BACK.search(read.casefold()) else {}
    for arm, n in counts.items():
        expected = (sum(counts.values()) - n) * sizes[arm] / max(1, sum(sizes.values()) - sizes[arm])
        if expected >= LEAST_TOLD and n <= MINOR * expected:
            is_sure = arm != units.design.variant.control
            yield is_sure, NO_RETURN.format(event=read, label=label, arm=arm, n=expected)
    below = [sum(s.n for s in read_sizes([arms[arm]["sizes"]]) if s.low < 0) / n for arm, n in counts.items() if n]
    if below and min(counts.values()) >= LEAST_TOLD and min(below) < MINOR and max(below) > MOST:
        yield True, TURNED.format(event=read, label=label)


def _find_code(arms, label, design, metric):
    """Yield a sentence of each event or column in which a code for none stands in the place of values."""
    whole = read_sizes([told["sizes"] for told in arms])
    if code := find_codes(whole, is_count=metric.how.total != "amount"):
        (size, why), n = code, sum(size.n for size in whole)
        shown = f"{size.low:,.10g}" if size.n >= design.min_cell and size.low == size.high else "a code for none"
        yield CODES.format(n=size.n, all=n, label=label, code=shown, why=why)


def find_codes(sizes: list[Size], *, is_count: bool) -> tuple[Size, str] | None:
    """Return values that are a code for none, and why; None without one.

    Parameters
    ----------
    sizes : list of Size, the largest first
    is_count : bool
        Of whole numbers shorter codes are known.

    Returns
    -------
    tuple of Size and str: all values below 0, where they are known codes; or the largest, far above all others.
    """
    above, below = [size for size in sizes if size.low > 0], [size for size in sizes if size.low < 0]
    n = sum(size.n for size in below)
    if n >= FEW_CODES and len(above) > 2 and {end for size in below for end in (size.low, size.high)} <= BELOW:
        return Size(n, below[-1].low, below[0].high, sum(size.total for size in below)), "the only ones below 0"
    if len(above) <= 3:
        return None
    top, times, farther = above[0], above[0].low / above[1].high, FARTHER if is_count else FARTHEST
    is_listed = not is_count and all(size.low == size.high for size in above)  # some prices, each its own
    is_far = times > farther or (times > TWICE and not is_listed and _is_code(top.high, is_count))
    is_code = is_far and top.n >= SOME_CODES and top.low >= ALIKE * top.high
    return (top, "far above all others") if is_code else None


def _is_code(value, is_count):
    """Whether a number is the largest that some columns can hold, or one digit over and over."""
    digits = f"{value:.2f}".rstrip("0").replace(".", "")
    least = NINES_OF_COUNTS if is_count else NINES_OF_AMOUNTS
    return value in LARGEST or (len(digits) >= least and value >= 10 ** (least - 1) and len(set(digits)) == 1)
