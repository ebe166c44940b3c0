"""The speed bench of the ranking runs, on few accounts."""

import ranking


def test_main_prints_both_and_compares_their_bits(capsys):
    ranking.main(["--accounts", "400", "--features", "3", "--refits", "2"])
    first, seconds, memory, bits = capsys.readouterr().out.splitlines()
    assert first == "400 accounts, 3 features, 2 refits"
    assert seconds.startswith("two workers take ") and " s (at most 90), " in seconds
    assert memory.startswith("peak memory ") and memory.endswith(" GB (at most 3)")
    assert bits == "one worker and two give the same bits on 400 accounts"
