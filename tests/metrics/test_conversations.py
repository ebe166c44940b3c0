"""Conversations: a question meets its first reply, and whatever is left out is counted."""

import pandas as pd
from made_sources import make_design, make_source

from helpers import metrics
from helpers.sources import opening

UNITS = {
    "unit": ["u1", "u2", "u0"],
    "variant": ["a", "b", "cps"],  # cps stands outside the randomisation
    "assigned_at": ["2024-01-01 00:00:00", "2024-01-01 00:00:00", "2023-12-04 00:00:00"],
}
COLUMNS = ["unit", "event", "at", "value", "conversation_id", "agent_id"]
EVENTS = [
    ("u1", "question", "2024-01-01 10:00:00", None, "k1", None),
    ("u1", "first_reply", "2024-01-01 10:30:00", None, "k1", "x"),
    ("u1", "first_reply", "2024-01-01 10:20:00", None, "k1", "y"),  # the earliest counts
    ("u1", "first_reply", "2024-01-01 09:00:00", None, "k1", "z"),  # before the question
    ("u1", "question", "2024-01-01 11:00:00", None, "k1", None),  # the conversation had begun
    ("u2", "question", "2024-01-07 23:59:59", None, "k2", None),  # Sunday, never answered
    ("u2", "question", "2024-01-02 00:00:00", None, None, None),  # without an id
    ("u2", "question", "2023-12-31 00:00:00", None, "k3", None),  # before the sign-up
    ("u2", "question", "2024-01-11 00:00:00", None, "k4", None),  # after the last complete day
    ("u0", "question", "2023-12-04 00:00:00", None, "k5", None),  # Monday 00, asked at the moment of sign-up
    ("u0", "first_reply", "2023-12-04 00:00:30", None, "k5", "x"),
    ("nobody", "question", "2024-01-02 00:00:00", None, "k6", None),  # never assigned
]
METRIC = {"paid": {"kind": "binary", "within_days": 7}}


def _read(events=EVENTS, columns=COLUMNS, units=UNITS, more=None):
    frame = pd.DataFrame(events, columns=columns)
    further = [c for c in columns if c not in ("unit", "event", "at", "value")]
    source = make_source(units, frame.astype(dict.fromkeys(further, "str")).where(frame.notna(), None))
    settings = {"variant": {"observational": ["cps"]}, "assigned_at": "assigned_at", "as_of": "2024-01-10"}
    folded = metrics.fold(source, make_design(METRIC, **(settings | (more or {}))))
    found = metrics.read_conversations(source, folded)
    return found, metrics.explain_conversations(source, folded, found)


def test_read_conversations_pairs_each_question_with_its_earliest_reply():
    found, said = _read()
    assert list(found) == [
        "unit", "variant", "conversation_id", "asked_at", "wait_minutes", "followed_minutes", "hour",
    ]  # fmt: skip
    rows = found.set_index("conversation_id")
    assert list(rows.index) == ["k5", "k1", "k2"]  # in the order of asking
    assert list(rows["wait_minutes"].round(6).fillna(-1)) == [0.5, 20.0, -1.0]
    assert list(rows["variant"]) == ["cps", "a", "b"]
    assert list(rows["hour"]) == [0, 10, 167]
    assert rows.loc["k2", "followed_minutes"] == 3 * 24 * 60 + 1 / 60
    assert str(found["asked_at"].dt.tz) == "UTC"
    assert said == (
        "Read: 3 conversations of 3 units; questions left out: 1 without a conversation_id; 2 before the sign-up or "
        "after the end of the data; 1 a later question of a conversation that had begun."
    )


def test_read_conversations_an_empty_id_is_none():
    rows = (*EVENTS, ("u2", "first_reply", EVENTS[6][2], None, None, "x"))
    empty = [(*row[:4], row[4] or "", row[5]) for row in rows]
    (found, said), (expected, told) = _read(empty), _read()
    pd.testing.assert_frame_equal(found, expected)
    assert said == told
    assert _read([(*row[:4], "", row[5]) for row in EVENTS]) == _read([(*row[:4], None, row[5]) for row in EVENTS])


def test_read_conversations_tells_the_cluster_where_the_plan_names_one():
    units = UNITS | {"company": ["c1", "c2", "c3"]}
    assert list(_read(units=units, more={"cluster": "company"})[0]["cluster"]) == ["c3", "c1", "c2"]


def test_read_conversations_above_its_limit_says_so(monkeypatch):
    monkeypatch.setattr(opening, "MOST_LOGGED", 6)
    found, said = _read()
    assert found is None
    assert said == "Reply times are read row by row, and these data hold more than 6 questions."
    monkeypatch.setattr(opening, "MOST_LOGGED", 7)
    assert _read()[0] is not None


def test_read_conversations_without_ids_or_questions_says_so():
    bare = [row[:4] for row in EVENTS]
    for found, said in (_read(bare, COLUMNS[:4]), _read([row for row in EVENTS if row[1] != "question"])):
        assert (found, said) == (None, "Reply times need events with a conversation_id; these data have none.")


def test_read_conversations_needs_events():
    design = make_design({"paid": {"kind": "binary"}}, assigned_at="assigned_at", as_of="2024-01-10",
                         variant={"observational": ["cps"]})  # fmt: skip
    source = make_source(UNITS | {"paid": [0, 1, 1]})
    assert metrics.read_conversations(source, metrics.fold(source, design)) is None


def test_explain_conversations_counts_replies_to_no_question_before_them():
    stray = tuple("nobody" if value == EVENTS[1][4] else value for value in EVENTS[1])
    said = "Read: 1 conversation of 1 unit; questions left out: none. Replies to no question before them, not used: 1."
    assert _read([*EVENTS[:2], stray])[1] == said
