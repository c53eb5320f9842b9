"""Kernel ridge fits that will take long say so before they begin."""

import logging
import re
import time
import warnings

import numpy as np
import pytest

from widelearn import KernelRidge
from widelearn.estimators import costs, rates
from widelearn.estimators.kernel_ridge import durations
from widelearn.estimators.kernel_ridge import solver as solvers
from widelearn.kernels import RBF
from widelearn.kernels.operators import KernelOperator
from widelearn.ridge import operators


@pytest.fixture
def table(rng):
    X = rng.standard_normal((400, 3))
    return X, np.sin(X[:, 0])


@pytest.mark.parametrize("solver", ["auto", "pcg", "cholesky"])
def test_long_fits_name_their_time_and_the_remedy(solver, table, monkeypatch):
    monkeypatch.setattr(durations, "MANY_ROWS", 300)
    monkeypatch.setattr(durations, "LONG", 0.0)
    model = KernelRidge(RBF(0.5), 0.1, solver=solver)
    with pytest.warns(UserWarning, match=rf"on 400 rows with solver='{solver}' will take about .* solver='nystrom'"):
        found = model.fit(*table)
    monkeypatch.undo()
    np.testing.assert_array_equal(found.dual_coef_, KernelRidge(RBF(0.5), 0.1, solver=solver).fit(*table).dual_coef_)


def test_short_fits_few_rows_other_solvers_and_matrices_say_nothing(table, monkeypatch):
    X, y = table
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(durations, "LONG", 0.0)
        KernelRidge(RBF(0.5), 0.1, solver="pcg").fit(X, y)
        monkeypatch.setattr(durations, "MANY_ROWS", 300)
        KernelRidge(RBF(0.5), 0.1, solver="nystrom").fit(X, y)
        KernelRidge("precomputed", 0.1, solver="cholesky").fit(RBF(0.5)(X), y)
        monkeypatch.setattr(durations, "LONG", 600.0)
        KernelRidge(RBF(0.5), 0.1, solver="pcg").fit(X, y)


@pytest.mark.parametrize(("n", "seconds"), [(401, 6.0), (1600, 9.0)])
def test_the_time_is_that_of_the_products(n, seconds, rng, monkeypatch):
    """A clock on which a product of few rows takes some seconds foretells iterations over all pairs of rows."""
    X = rng.standard_normal((n, 3))
    now = iter(range(10**6))
    monkeypatch.setattr(durations, "MANY_ROWS", 300)
    monkeypatch.setattr(rates, "MANY_ROWS", 300)
    monkeypatch.setattr(durations, "LONG", 120.0)
    monkeypatch.setattr(time, "perf_counter", lambda: seconds * next(now))
    # No room for the matrix, so that all of its entries are made anew.
    monkeypatch.setattr(operators, "available_memory", lambda: (n * n, "a limit"))
    problem = durations.KernelProblem(RBF(0.5), X, X[:, :1], None, fit_intercept=True)
    with pytest.warns(UserWarning, match="made anew in each of about 30 iterations") as caught:
        durations.announce(problem, "pcg", 1000)
    few = min(n, rates.FEW)
    value, unit = re.search(r"about (\d+) (minutes|hours|days)", str(caught[0].message)).groups()
    size = {name: size for size, name in costs.UNITS}[unit]
    assert abs(float(value) * size - 30 * n * n * seconds / few**2) <= size / 2


@pytest.mark.parametrize(("nanoseconds", "kept"), [(0.2, False), (30.0, True)])
@pytest.mark.parametrize("solver", ["auto", "pcg"])
def test_large_matrices_are_kept_where_their_values_are_dear(nanoseconds, kept, solver, table, monkeypatch):
    problem = durations.KernelProblem(RBF(0.5), table[0], table[1][:, None], None, fit_intercept=True)
    assert durations.worth_keeping(problem)
    monkeypatch.setattr(durations, "LARGE", 1000)
    monkeypatch.setattr(durations, "entry_seconds", lambda *_: 1e-9 * nanoseconds)
    assert durations.worth_keeping(problem) is kept
    formed = []
    monkeypatch.setattr(KernelOperator, "dense", lambda self: formed.append(1) or self.kernel(self.x))
    monkeypatch.setattr(solvers, "FEW_ROWS", 10)
    model = KernelRidge(RBF(0.5), 0.1, solver=solver).fit(*table)
    assert bool(formed) is kept
    exact = KernelRidge(RBF(0.5), 0.1, solver="cholesky").fit(*table)
    np.testing.assert_allclose(model.predict(table[0]), exact.predict(table[0]), atol=1e-6)


def test_fits_with_a_file_keep_what_fits_whatever_the_rates(table, monkeypatch, tmp_path):
    monkeypatch.setattr(durations, "LARGE", 1000)
    monkeypatch.setattr(durations, "entry_seconds", lambda *_: 0.0)
    formed = []
    monkeypatch.setattr(KernelOperator, "dense", lambda self: formed.append(1) or self.kernel(self.x))
    KernelRidge(RBF(0.5), 0.1, solver="pcg", checkpoint=tmp_path / "state").fit(*table)
    assert formed


def rated(monkeypatch, entry=2e-9, unit=1e-11):
    """Give a kernel value and a multiplication times that are known."""
    monkeypatch.setattr(durations, "entry_seconds", lambda *_: entry)
    monkeypatch.setattr(durations, "product_seconds", lambda *_: unit)


@pytest.mark.parametrize("solver", ["auto", "pcg", "cholesky"])
def test_who_listens_is_told_of_seconds(solver, table, monkeypatch, caplog, capfd):
    monkeypatch.setattr(durations, "SOME_ROWS", 300)
    rated(monkeypatch, entry=1e-3, unit=1e-6)
    model = KernelRidge(RBF(0.5), 0.1, solver=solver)
    model.fit(*table)
    assert not caplog.records
    with caplog.at_level(logging.INFO, logger="widelearn"):
        model.fit(*table)
    line = caplog.records[0].getMessage()
    assert re.search(rf"400 rows with solver='{solver}' will take about [\d]+ (seconds|minutes) on this machine", line)
    assert "nystrom" not in line
    assert capfd.readouterr().out == ""
    model.set_params(verbose=True).fit(*table)
    assert capfd.readouterr().out.splitlines()[0] == line
    monkeypatch.setattr(durations, "NOTICED", 1e6)
    KernelRidge(RBF(0.5), 0.1, solver="cholesky", verbose=True).fit(*table)
    assert capfd.readouterr().out == ""
