"""The shipped series and columns of CSV files."""

import numpy as np
import pytest

from compare import datasets, samples
from compare.sections import Data


def write(folder, text):
    path = folder / "series.csv"
    path.write_text(text)
    return path


def test_fifteen_years_of_co2_are_180_monthly_means():
    series = datasets.co2(15)
    assert series.x.shape == (180,)
    assert series.x[0] == pytest.approx(1987 + 0.5 / 12)
    np.testing.assert_allclose(np.diff(series.x), 1 / 12)
    # December 2001: five weeks
    assert series.y[-1] == pytest.approx(np.mean([370.3, 370.8, 371.2, 371.3, 371.5]))


def test_missing_months_of_co2_are_left_out():
    series = datasets.co2(43)
    assert series.x.size < 43 * 12
    assert np.isfinite(series.y).all()
    assert (np.diff(series.x) > 0).all()


@pytest.mark.parametrize("years", [0, 44])
def test_years_outside_the_record_are_refused(years):
    with pytest.raises(ValueError, match=f"years must be 1 to 43 .* got {years}"):
        datasets.co2(years)


def test_columns_of_numbers_are_read_and_sorted(tmp_path):
    path = write(tmp_path, "time,ignored,level\n2,a,20\n 1.5 ,b,-1e1\n3,c,30\n")
    series = datasets.read_csv(path, "time", "level")
    assert series.x.tolist() == [1.5, 2, 3]
    assert series.y.tolist() == [-10, 20, 30]
    assert series.x_unit == ""


@pytest.mark.parametrize(
    "dates", ["2001-01-01,2001-07-02T12:00,2004-12-31", "20010101,20010702,20041231"]
)
def test_dates_become_years(tmp_path, dates):
    rows = "\n".join(f"{date},{value}" for value, date in enumerate(dates.split(",")))
    series = datasets.read_csv(write(tmp_path, f"date,y\n{rows}\n"), "date", "y")
    np.testing.assert_allclose(series.x, [2001, 2001.5, 2004 + 365 / 366], atol=2e-3)
    assert series.x_unit == "year"


def test_integers_of_four_digits_stay_numbers(tmp_path):
    series = datasets.read_csv(write(tmp_path, "year,y\n1999,1\n2000,2\n"), "year", "y")
    assert series.x.tolist() == [1999, 2000]
    assert series.x_unit == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,2\n", r"no column 'x'; its columns are \['a', 'y'\]"),
        ("x,y\n", "no rows below its header"),
        ("", "no column 'x'"),
        ("x,y\n1,2\n2,\n", "column 'y', line 3: must be a finite number, got empty"),
        ("x,y\n1,2\n2\n", "column 'y', line 3: must be a finite number, got empty"),
        ("x,y\n1,2\n2,nan\n", "column 'y', line 3: must be a finite number, got 'nan'"),
        ("x,y\n1,2\n2,inf\n", "column 'y', line 3: must be a finite number, got 'inf'"),
        ("x,y\none,2\n", "column 'x', line 2: must be a finite number, got 'one'"),
        ("x,y\n2001-01-01,2\n7,1\n", r"column 'x', line 3: must be a date .* got '7'"),
    ],
)
def test_bad_files_are_refused_with_column_and_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        datasets.read_csv(write(tmp_path, text), "x", "y")


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"absent.csv.* as a CSV file: .*No such file"):
        datasets.read_csv(tmp_path / "absent.csv", "x", "y")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ValueError, match=r"binary.csv.* as a CSV file: .*can't decode"):
        datasets.read_csv(tmp_path / "binary.csv", "x", "y")


def test_csv_with_an_endless_cell_is_refused(tmp_path):
    path = write(tmp_path, f"x,y\n1,{'2' * 200_000}\n")
    with pytest.raises(ValueError, match="as a CSV file: field larger than field limit"):
        datasets.read_csv(path, "x", "y")


def test_cells_in_quotes_may_hold_line_ends(tmp_path):
    path = tmp_path / "series.csv"
    path.write_bytes(b'x,note,y\r\n1,"two\r\nlines",2\r\n2,"a\x0bb \xe2\x80\xa8",3\r\n')
    series = datasets.read_csv(path, "x", "y")
    assert series.x.tolist() == [1, 2]
    assert series.y.tolist() == [2, 3]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(tmp_path, end):
    path = tmp_path / "series.csv"
    path.write_bytes(end.join(["x,y", "1,2", "2,3", ""]).encode())
    assert datasets.read_csv(path, "x", "y").y.tolist() == [2, 3]


def test_repeated_x_is_refused_under_a_probe_if_y_differs():
    points = ((1990.5, 1.0), (1990.5, 1.0), (1991.5, 2.0), (1993.0, 4.0), (1993.0, 5.0))
    data = Data(points=points)
    assert samples.load(data).x.size == 5
    with pytest.raises(ValueError, match=r"samples 3 and 4 .*both have x = 1993, with y = 4 and 5"):
        samples.load(data, probed=True)
    assert samples.load(Data(points=points[:4]), probed=True).x.size == 4


def test_scaled_samples_are_standardised_and_the_scaling_is_recorded():
    loaded = samples.load(Data(source="co2", years=3))
    assert loaded.x[[0, -1]].tolist() == [-1, 1]
    assert loaded.y.mean() == pytest.approx(0, abs=1e-12)
    assert loaded.y.std() == pytest.approx(1)
    restored = loaded.x * loaded.x_half_range + loaded.x_centre
    np.testing.assert_allclose(restored, loaded.original.x)
    np.testing.assert_allclose(loaded.y * loaded.y_deviation + loaded.y_mean, loaded.original.y)


def test_unscaled_samples_stay_as_they_are():
    points = ((0.3, 5.0), (-0.2, 4.0), (0.1, 9.0), (0.0, 1.0))
    loaded = samples.load(Data(points=points, scale_x=False, standardize_y=False))
    assert loaded.x.tolist() == [-0.2, 0.0, 0.1, 0.3]
    assert loaded.y.tolist() == [4.0, 1.0, 9.0, 5.0]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(0.0, 1.0)], "at least 4 samples, got 1"),
        ([(0.0, 1.0), (1.0, np.nan), (2.0, 1.0), (3.0, 1.0)], "y of sample 1 must be finite"),
        ([(0.0, 1.0), (1.0, 2.0), (2.0, 1.0), (np.inf, 1.0)], "x of sample 3 must be finite"),
        ([(i, 2.0) for i in range(5)], "y must not be constant, every sample has 2"),
        ([(1.0, i) for i in range(5)], "x must not be constant, every sample has 1"),
        ([(i, 3.0 * i) for i in range(5)], "affine function of x: no frequency is left"),
    ],
)
def test_data_that_no_study_can_be_made_of_are_refused(points, message):
    with pytest.raises(ValueError, match=message):
        samples.load(Data(points=tuple(points)))
