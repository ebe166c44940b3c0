"""The speed bench of the ranking runs, on few accounts."""

import ranking


def test_main_prints_both_and_compares_their_bits(capsys):
    ranking.main(["--accounts", "400", "--features", "3", "--refits", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "400 accounts, 3 features, 2 refits"
    assert [line.split()[0] for line in lines[2:4]] == ["1", "2"]
    assert lines[-1] == "one worker and two give the same bits"
