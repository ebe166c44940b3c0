"""HTML in which every word is inert."""

import base64
import re

import numpy as np
import pandas as pd
import samples

from helpers.wording import draw_interval, draw_table, escape_prose, link_csv, mark_verdict, show_sentence
from helpers.wording.markup import write_csv, write_plain


def test_write_csv_guards_text_that_would_be_a_formula():
    frame = pd.DataFrame({"=name": ["=1+1", "@x", "+1", "-1", "\tx", "a\r=1", None], "n": [1, -2, 3, 4, 5, 6, 7]})
    assert write_csv(frame) == "'=name,n\n'=1+1,1\n'@x,-2\n'+1,3\n'-1,4\n'\tx,5\na =1,6\n,7\n"
    assert list(frame.columns) == ["=name", "n"]  # the input is untouched


def test_link_csv_holds_the_whole_table_under_a_real_name():
    link = link_csv(pd.DataFrame({"a": [1, 2]}), "my/../table")
    assert 'download="my_table.csv"' in link and "Download my_table.csv (2 rows, 1 columns)" in link
    assert base64.b64decode(re.search(r"base64,([^\"]+)", link)[1]).decode() == "a\n1\n2\n"


def test_draw_table_has_caption_scopes_and_right_aligned_figures():
    frame = pd.DataFrame({"who": ["a", "b"], "n": [1000, np.nan], samples.HOSTILE: [samples.HOSTILE, None]})
    html = draw_table(frame, caption="A row is <one>", headers={"who": "Who"}, formats={})
    assert "<caption>A row is &lt;one&gt;</caption>" in html
    assert '<th scope="col">Who</th><th scope="col" class="n">n</th>' in html
    assert '<th scope="row">a</th><td class="n">1,000</td>' in html
    assert "<script" not in html


def test_draw_table_draws_seven_columns_and_sixty_rows():
    html = draw_table(pd.DataFrame(np.ones((80, 9))), caption="c", headers={}, formats={})
    assert html.count('scope="col"') == 7 and html.count('scope="row"') == 60


def test_draw_interval_has_the_line_of_no_effect_and_no_name():
    html = draw_interval(samples.effect(), null=0.0)
    assert html.count("<path") == 2 and html.count("<circle") == 1 and " id=" not in html and "http" not in html
    unknown = samples.effect().but(estimate=np.nan, ci_low=np.nan, ci_high=np.nan)
    assert draw_interval(unknown, null=0.0).count("<path") == 1
    assert draw_interval(samples.effect(), null=1.0) != html
    assert 'width="220"' in draw_interval(samples.effect(), null=0.0, width=220)


def test_displays_escape_and_mark():
    assert mark_verdict("no clear difference").count("○") == 1
    assert "&lt;script" in mark_verdict(samples.HOSTILE)
    assert escape_prose("9.0 points & 5 %") == "9.0\u00a0points &amp; 5\u00a0%"
    shown = show_sentence("a < b")
    assert shown._repr_mimebundle_() == (
        {"text/html": '<p class="note">a &lt; b</p>', "text/plain": "a < b"},
        {"text/html": {"own": True}},
    )


def test_write_plain_by_type():
    values = [None, np.nan, True, 4000.0, 0.12345, 1234.56, pd.Timestamp("2022-04-30"), "x"]
    assert [write_plain(v) for v in values] == ["", "", "yes", "4,000", "0.123", "1,234.6", "2022-04-30", "x"]
