"""Studies on the workers of a scheduler: the rows of one machine; a scheduler that is not there is one line."""

import socket
import time

import pytest

import widelearn as wl
from command_line import run_briefly as command
from widelearn.distributed import tasks
from widelearn.experiments import Spec
from widelearn.experiments.errors import InputError
from widelearn.experiments.studies import cluster
from widelearn.experiments.studies.rows import value

SMALL = ["--quick", "--quiet", "--set", "n=40", "--set", "gammas=0.5,2", "--seeds", "12"]
OWN = """
from widelearn.experiments import Spec
from widelearn.experiments.studies.rows import value
BASE = 10
def simulate(cell, seed):
    return [value("a", 1, BASE + seed[1])]
SPEC = Spec(name="own", about="Mine.", settings={"draws": 5}, simulate=simulate)
"""


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def test_two_processes_of_dask_give_the_rows_of_one(client, capsys, tmp_path):
    address = client.scheduler.address
    for name, more in (("here", []), ("there", ["--dask", address])):
        code, _, err = command(capsys, "run", "double-descent", *SMALL, *more, "--out", name)
        assert (code in {0, 1}, err) == (True, "")
    for name in ("rows.jsonl", "rows.csv", "figure.csv"):
        one, two = ((tmp_path / where / "double-descent" / name).read_bytes() for where in ("here", "there"))
        assert one == two
    (tmp_path / "own.py").write_text(OWN)
    assert command(capsys, "run", "own.py", "--dask", address, "--quiet", "--shard", "1/2", "--out", "own")[0] == 0
    assert wl.experiments.run("own.py", dask=address)["rows"][0]["simulation"] == 12.0


def test_errors_of_workers_are_told(client):
    def fails(cell, seed):
        raise OwnError("no")

    with cluster.Cluster(client.scheduler.address) as workers:
        with pytest.raises(RuntimeError, match="OwnError: no"):
            list(workers.each(fails, [((0, 0), {}, (0, 0))]))
        calls = {0: ((("widelearn", "9.9"), *cluster.needed()[1:]), b"", {}, (0, 0), 1)}
        with pytest.raises(InputError, match=r"a Dask worker has widelearn .*, not 9.9"):
            list(tasks.each(workers._client, cluster.simulated, calls))


class OwnError(Exception):
    """Known here alone, once its module is taken away."""


OwnError.__module__ = "nowhere"


def test_a_scheduler_that_is_not_there_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "PATIENCE", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        (tmp_path / "broken.json").write_text("{")
        for address in (closed, "nonsense://x", "", "none.json", "broken.json", "127.0.0.1:99999999"):
            started = time.monotonic()
            code, out, err = command(capsys, "run", "gcv", *SMALL[:2], "--dask", address, "--out", "o")
            assert (code, out, err.count("\n")) == (2, "", 1), (address, err)
            assert f"no Dask scheduler answers at {address}: " in err
            assert time.monotonic() - started < 60
            assert not (tmp_path / "o").exists()
    code, _, err = command(capsys, "run", "gcv", "--jobs", "2", "--dask", closed)
    assert (code, "not allowed with argument" in err) == (2, True)


def test_a_study_of_no_module_travels_whole(client):
    base = 7

    def simulate(cell, seed):
        return [value("a", 1, base + seed[1])]

    spec = Spec(name="own", about="", settings={"draws": 5}, simulate=simulate)
    assert wl.experiments.run(spec, dask=client.scheduler.address)["rows"][0]["values"] == [7.0, 8.0, 9.0, 10.0, 11.0]
