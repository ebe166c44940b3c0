def test_list_shows_runs_and_studies(studies, notebooks):
    status, shown, _ = studies("list")
    assert status == 0
    assert shown == (
        "Runs: studies report RUN ...\n"
        "  first  small  seed=8\n"
        "Studies: studies report STUDY --name NAME -p KEY=VALUE ...\n"
        "  small  Does it pay?\n"
    )


def test_list_reads_runs_of_her_own(studies, notebooks, tmp_path):
    (tmp_path / "own.yaml").write_text("- {name: other, study: small}\n")
    assert "  other  small\n" in studies("list", "--runs", tmp_path / "own.yaml")[1]


def test_describe_shows_every_parameter(studies, notebooks):
    lines = studies("describe", "small")[1].splitlines()
    assert lines[0] == "small: Does it pay?"
    assert [line.split() for line in lines[1:]] == [
        ["parameter", "type", "default", "range", "unit", "meaning"],
        ["plan", "str", '"plan.yaml"', "path", "what", "was", "decided"],
        ["data", "str|list", '"simulated"', "path", "the", "table"],
        ["seed", "int", "7", "[0,", "99]", "seed", "of", "the", "random", "numbers"],
        ["effect", "float", "none", "[,", "1]", "points", "planted", "effect"],
        ["as_of", "str", "as", "planned", "date", "last", "day"],
        ["scheme", "str", '"light"', "{light,", "dark}", "colours"],
    ]


def test_describe_refuses_an_unknown_study(studies, notebooks):
    assert studies("describe", "smal") == (2, "", "studies: no study is called 'smal'; did you mean small?\n")
