"""A few kills at random moments; many more by ``python -m fuzz.kills``."""

from fuzz import kills


def test_what_a_killed_process_leaves_is_whole_swept_and_taken_up(capsys):
    for seed, (name, number) in enumerate({"KernelRidge": 2, "TwoLayerRegressor": 2, "run": 1}.items()):
        code = kills.main(["--kills", str(number), "--only", name, "--seed", str(seed)])
        assert code == 0, capsys.readouterr().out
