"""A small study from end to end: what its dataset holds, and that it is what it says."""

import json
import re
from dataclasses import replace

import jax
import numpy as np
import pytest

import lfp
import nets
from compare import plots, practice, running, samples, spectra, store, summary, table, theory
from compare.sections import Data, Initialization, Time
from compare.study import Study, run

TOML = """
name = "small"
[data]
source = "co2"
years = 2
[initialization]
sigma_a = 2.0
sigma_w = 2.0
sigma_b = 8.0
[[networks]]
widths = [32]
seeds = 2
initializations = ["plain", "antisymmetric"]
lazy_scales = [30.0]
[[networks]]
widths = [32]
seeds = 1
initializations = ["antisymmetric"]
lazy_scales = [10.0]
[time]
last = 3e4
points = 7
[frequencies]
peaks = 2
[probe]
points = 5
"""
ROW = {"width": 32, "seed": 1, "initialization": "antisymmetric", "lazy_scale": 30.0}


@pytest.fixture(scope="module")
def dataset():
    return run(Study.parse(TOML))


@pytest.fixture(scope="module")
def law():
    return lfp.TwoLayer(sigma_a=2.0, sigma_w=2.0, sigma_b=8.0)


def test_every_variable_has_the_dimensions_it_names(dataset):
    networks = ("width", "seed", "initialization", "lazy_scale")
    expected = {
        "theory_fitted": ("source", "time", "sample"),
        "theory_spectrum": ("source", "time", "frequency"),
        "half_time_theory": ("source", "frequency"),
        "network_fitted": (*networks, "time", "sample"),
        "linearized_spectrum": (*networks, "time", "frequency"),
        "relative_error_network": (*networks, "time", "frequency"),
        "half_time_linearized": (*networks, "frequency"),
        "distance_network": (*networks, "time"),
        "network_initial": (*networks, "sample"),
        "kernel_drift": (*networks, "time"),
        "network_probe": (*networks, "time", "point"),
        "limit_probe": ("source", "point"),
    }
    assert {name: dataset[name].dims for name in expected} == expected
    assert dataset.sizes["sample"] == 24
    assert dataset["source"].values.tolist() == ["lfp", "ntk"]
    assert dataset["initialization"].values.tolist() == ["antisymmetric", "plain"]
    assert dataset["lazy_scale"].values.tolist() == [10.0, 30.0]
    assert dataset["network_spectrum"].dtype == np.complex128


def test_combinations_that_were_not_trained_are_nan_and_all_others_finite(dataset):
    fitted = dataset["network_fitted"]
    assert np.isfinite(fitted.sel(lazy_scale=30.0)).all()
    assert np.isfinite(fitted.sel(lazy_scale=10.0, initialization="antisymmetric", seed=0)).all()
    assert np.isnan(fitted.sel(lazy_scale=10.0, initialization="antisymmetric", seed=1)).all()
    assert np.isnan(fitted.sel(lazy_scale=10.0, initialization="plain")).all()


def test_time_is_in_units_of_the_largest_eigenvalue_of_the_ntk(dataset, law):
    x = dataset["x"].values
    largest = np.linalg.eigvalsh(law.ntk(x, x) / x.size)[-1]
    assert dataset.attrs["lambda_max"] == pytest.approx(largest)
    np.testing.assert_allclose(dataset["time"], np.geomspace(1, 3e4, 7))


def test_theory_is_the_flow_of_the_law_at_the_same_times(dataset, law):
    x, y = dataset["x"].values, dataset["y"].values
    ts = dataset["time"].values / dataset.attrs["lambda_max"]
    for source, kernel in (("lfp", law.kernel), ("ntk", law.ntk)):
        rates, modes = np.linalg.eigh(kernel(x, x) / x.size)
        flow = y - np.exp(-np.outer(ts, rates)) * (modes.T @ y) @ modes.T
        np.testing.assert_allclose(dataset["theory_fitted"].sel(source=source), flow, atol=1e-8)


def test_linearised_networks_are_the_flow_of_their_tangent_kernel(dataset):
    x, y = dataset["x"].values, dataset["y"].values
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 32), 1)
    net = nets.two_layer(key, width=32, sigma_a=2.0, sigma_w=2.0, sigma_b=8.0)
    rates, modes = np.linalg.eigh(np.asarray(nets.tangent_kernel(net, x, x)) / x.size)
    ts = dataset["time"].values / dataset.attrs["lambda_max"]
    zero = y - np.exp(-np.outer(ts, rates)) * (modes.T @ y) @ modes.T
    np.testing.assert_allclose(dataset["linearized_fitted"].sel(ROW), zero, atol=1e-8)
    start = 30 * np.asarray(net(x))
    plain = y + np.exp(-np.outer(ts, rates)) * (modes.T @ (start - y)) @ modes.T
    row = dataset.sel({**ROW, "initialization": "plain"})
    np.testing.assert_allclose(row["network_initial"], start)
    np.testing.assert_allclose(row["linearized_fitted"], plain, atol=1e-6)


def test_trained_networks_stay_near_their_linearisation_at_a_large_lazy_scale(dataset):
    row = dataset.sel({**ROW, "time": slice(None, 300)})
    difference = row["network_fitted"] - row["linearized_fitted"]
    assert float(np.sqrt((difference**2).mean("sample")).max()) < 0.1
    assert (row["kernel_drift"] > 0).all()
    assert (row["kernel_drift"] < 0.5).all()
    assert np.array_equal(row["network_initial"], np.zeros(24))


@pytest.mark.slow
def test_kernel_drift_is_that_of_the_same_network_trained_alone(dataset, law):
    x, y = dataset["x"].values, dataset["y"].values
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 32), 1)
    net = nets.antisymmetric(nets.two_layer(key, width=32, sigma_a=2.0, sigma_w=2.0, sigma_b=8.0))
    ts = dataset["time"].values / dataset.attrs["lambda_max"]
    options = {"lazy_scale": 30.0, "rtol": 1e-2, "record": "networks"}
    alone = nets.gradient_flow(net, x, y, ts, **options)
    row = dataset.sel(ROW)
    whole = nets.kernel_drift(alone, net, x)
    np.testing.assert_allclose(row["kernel_drift_whole"], whole, rtol=1e-6)
    assert (np.diff(whole) > 0).any()


def test_spectra_errors_and_half_times_belong_to_the_outputs(dataset):
    x, xi = dataset["x"].values, dataset["frequency"].values
    row = dataset.sel(ROW)
    flat = spectra.remove_affine(x, row["network_fitted"].values)
    waves = np.exp(-2j * np.pi * np.outer(x, xi)) / x.size
    np.testing.assert_allclose(row["network_spectrum"], flat @ waves, atol=1e-12)
    target = spectra.remove_affine(x, dataset["y"].values) @ waves
    error = np.abs(flat @ waves - target) / np.abs(target)
    np.testing.assert_allclose(row["relative_error_network"], error, rtol=1e-8)
    np.testing.assert_allclose(
        row["half_time_network"], lfp.half_times(dataset["time"].values, error), rtol=1e-8
    )


def test_distance_is_measured_from_the_ntk_flow_with_the_same_initial_output(dataset, law):
    x, y = dataset["x"].values, dataset["y"].values
    ts = dataset["time"].values / dataset.attrs["lambda_max"]
    row = dataset.sel({**ROW, "initialization": "plain"})
    start = row["network_initial"].values
    rates, modes = np.linalg.eigh(law.ntk(x, x) / x.size)
    flow = y + np.exp(-np.outer(ts, rates)) * (modes.T @ (start - y)) @ modes.T
    expected = np.linalg.norm(row["network_fitted"] - flow, axis=-1) / np.linalg.norm(y - start)
    np.testing.assert_allclose(row["distance_network"], expected, rtol=1e-5)


def test_period_and_peaks_are_those_of_the_year(dataset):
    periods = dataset["period"].values[dataset["peak"].values]
    assert np.any(np.abs(periods - 1) < 1e-9)
    assert dataset["period"].attrs["units"] == "year"


def test_attributes_tell_what_was_done(dataset):
    attributes = dataset.attrs
    assert Study.parse(attributes["study"]) == Study.parse(TOML)
    assert "affine part" in attributes["removed"]
    assert "exp(-2 pi i xi_k x_i)" in attributes["conventions"]
    assert set(json.loads(attributes["versions"])) >= {"jax", "numpy", "python"}
    original = dataset["x"] * attributes["x_half_range"] + attributes["x_centre"]
    np.testing.assert_allclose(original, dataset["x_original"])
    original = dataset["y"] * attributes["y_deviation"] + attributes["y_mean"]
    np.testing.assert_allclose(original, dataset["y_original"])


def test_summary_is_the_mean_over_the_seeds_that_exist(dataset):
    row = {"width": 32, "initialization": "antisymmetric"}
    assert dataset["seeds"].sel(row).values.tolist() == [1, 2]
    times = dataset["half_time_network"].sel({**row, "lazy_scale": 30.0}).values
    found = dataset.sel({**row, "lazy_scale": 30.0})
    learned = np.isfinite(times).sum(axis=0)
    assert learned.max() == 2
    np.testing.assert_array_equal(found["learned_network"], learned)
    both = learned == 2
    np.testing.assert_allclose(found["mean_half_time_network"][both], times[:, both].mean(axis=0))
    spread = times[:, both].std(axis=0, ddof=1)
    np.testing.assert_allclose(found["spread_half_time_network"][both], spread, rtol=1e-9)
    assert np.isnan(found["mean_half_time_network"][~both]).all()


def test_a_time_not_reached_by_every_seed_has_no_mean(dataset):
    changed = dataset.copy(deep=True)
    changed["half_time_network"].loc[ROW] = np.nan
    found = summary.add(changed).sel(width=32, initialization="antisymmetric", lazy_scale=30.0)
    assert np.isnan(found["mean_half_time_network"]).all()
    assert np.isnan(found["ratio_network"]).all()
    assert int(found["learned_network"].max()) == 1
    assert "not by 3e4 (1/2)" in table.text(summary.add(changed))


def test_the_file_holds_every_number_of_the_table(dataset, tmp_path):
    loaded = store.load(store.save(dataset, tmp_path))
    assert table.text(loaded) == table.text(dataset)
    stored = np.concatenate(
        [
            np.ravel(item.values).astype(float)
            for item in loaded.variables.values()
            if item.dtype.kind in "fiu"
        ]
    )
    shown = {f"{value:.2e}" for value in stored[np.isfinite(stored)]}
    shown |= {f"{value:.2f}" for value in stored[np.isfinite(stored)]}
    shown |= {f"{value:.3g}" for value in stored[np.isfinite(stored)]}
    text = table.text(loaded).removesuffix(table.NOTES).replace("not by 3e4", "")
    printed = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?", text)
    assert len(printed) > 30
    for number in printed:
        full = f"{float(number):.2e}" if "e" in number else number
        assert full in shown or float(number) in stored, number


def limits_of(name):
    study = Study.from_toml(name)
    task = running.pose(study, samples.load(study.data))
    variables = theory.limits(task)
    return variables["limit_probe"][1][0], variables["spline_probe"][1]


def test_limit_of_a_dominant_cubic_power_is_near_the_natural_cubic_spline():
    limit, (linear, cubic) = limits_of("few_points/cubic")
    assert np.abs(limit - cubic).max() < 0.02
    assert np.abs(limit - linear).max() > 0.1


def test_limit_of_a_dominant_linear_power_goes_to_linear_interpolation_on_a_small_domain():
    limit, (linear, cubic) = limits_of("few_points/linear")
    assert 0.01 < np.linalg.norm(limit - linear) / np.linalg.norm(linear) < 0.05
    assert np.linalg.norm(limit - cubic) / np.linalg.norm(linear) > 0.1
    limit, (linear, _) = limits_of("few_points/small_domain")
    assert np.linalg.norm(limit - linear) / np.linalg.norm(linear) < 3e-4


def test_figures_are_drawn_from_the_dataset(dataset, tmp_path):
    path = tmp_path / "figure.png"
    plots.save(plots.of_studies([dataset]), path)
    plots.save(plots.of_studies([dataset, dataset]), path)
    without = dataset.drop_dims(["point", "spline"])
    plots.save(plots.of_studies([without]), path)
    assert path.stat().st_size > 20_000
    with pytest.raises(ValueError, match=r"only if each has \[probe\] points"):
        plots.of_studies([without, dataset])
    with pytest.raises(ValueError, match="at least one dataset"):
        plots.of_studies([])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": Data(points=tuple((i, 2.0) for i in range(9)))}, "y must not be constant"),
        (
            {"data": Data(points=((0, 1), (1, 3), (1, 4), (2, 0), (3, 1)))},
            r"samples 1 and 2 \(sorted by x\) both have x = 1, with y = 3 and 4",
        ),
        (
            {"initialization": Initialization(sigma_w=8.0, sigma_b=0.5)},
            "the kernel is indefinite: .*validity parameter",
        ),
    ],
)
def test_data_that_no_study_can_be_made_of_are_refused_before_anything_is_trained(
    changes, message, monkeypatch
):
    monkeypatch.setattr(practice, "measure", lambda *_, **__: pytest.fail("a network was trained"))
    with pytest.raises(ValueError, match=message):
        run(replace(Study.parse(TOML), **changes))


def test_repeated_samples_of_one_value_have_limits_and_splines():
    points = ((-1.0, 1.0), (0.0, 3.0), (0.0, 3.0), (0.5, 0.0), (1.0, 1.0))
    study = replace(Study.parse(TOML), data=Data(points=points, standardize_y=False))
    task = running.pose(study, samples.load(study.data, probed=True))
    variables = theory.limits(task)
    for name in ("limit_probe", "spline_probe"):
        np.testing.assert_allclose(variables[name][1][:, [0, 2, 4]], [[1, 3, 1]] * 2, atol=1e-6)


@pytest.fixture(scope="module")
def failed():
    """The same study with an integrator that gives up after 15 steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nets._integrate._MAX_ATTEMPTS", 15)
        return run(replace(Study.parse(TOML), time=Time(last=3e4, points=30)))


def test_a_failed_training_is_nan_from_then_on_and_keeps_what_came_before(failed):
    row = failed.sel(ROW)
    assert str(row["reason"].values) == "15 steps were not enough"
    known = np.isfinite(row["network_fitted"].values)
    assert known[0].all()
    assert not known[-1].any()
    assert (np.diff(known.astype(int), axis=0) <= 0).all()
    for name in ("network_spectrum", "relative_error_network", "network_probe"):
        values = np.isfinite(row[name].values)
        assert np.array_equal(values.all(axis=1), known[:, 0]), name
    assert np.isfinite(row["linearized_fitted"]).all()
    np.testing.assert_array_equal(np.isfinite(row["kernel_drift"].values), known[:, 0])
    learned = row["half_time_network"].values
    error = np.where(known[:, :1], row["relative_error_network"].values, 9.0)
    np.testing.assert_array_equal(learned, lfp.half_times(failed["time"].values, error))
    last = failed["time"].values[known[:, 0]][-1]
    assert np.isnan(learned).any()
    assert np.nanmax(learned, initial=0) <= last


def test_failed_trainings_are_counted_as_networks_and_have_no_drift_or_distance(failed):
    group = {"width": 32, "initialization": "antisymmetric", "lazy_scale": 30.0}
    found = failed.sel(group)
    assert int(found["seeds"]) == 2
    assert np.isnan(found["mean_kernel_drift"])
    assert np.isnan(found["largest_distance_network"])
    assert np.isfinite(found["largest_distance_linearized"])
    [row] = [row for row in table.rows(failed) if row.items() >= group.items()][:1]
    assert row["drift"] is None
    assert row["distance"] is None
    assert row["seeds"] == 2


def test_failures_are_told_one_line_a_network_and_survive_the_file(failed, dataset, tmp_path):
    lines = summary.failures(failed)
    assert len(lines) == int((failed["reason"] != "").sum()) == 5
    assert any(
        re.match(
            r"width 32, antisymmetric, lazy scale 30, seed 1 failed after t lambda_max = [\de.+]+: "
            r"15 steps were not enough; .*Try a larger lazy scale",
            line,
        )
        for line in lines
    )
    assert summary.failures(dataset) == []
    assert summary.failures(store.load(store.save(failed, tmp_path))) == lines
    plots.of_studies([failed.drop_dims(["point", "spline"])])


def test_single_precision_is_refused():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match=r"64-bit floats.*jax_enable_x64"):
            run(Study.parse(TOML))
    finally:
        jax.config.update("jax_enable_x64", True)
