"""The command `lfp`, through its entry point in a folder of its own."""

import json
import os
import signal
import subprocess
import sys

import pytest

from compare import cli, plots, store
from compare.study import Study

TOML = """
name = "tiny"
[data]
source = "co2"
years = 1
[networks]
widths = [16]
seeds = 1
initializations = ["antisymmetric"]
lazy_scales = [30.0]
[time]
last = 1e2
points = 3
[frequencies]
peaks = 1
[full.time]
points = 4
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TOML)
    return tmp_path


def write_series(folder):
    rows = "\n".join(f"2001-{month:02d}-01,{(-1) ** month + month**2}" for month in range(1, 13))
    (folder / "my series.csv").write_text(f"day,level\n{rows}\n")


def test_a_study_writes_its_numbers_and_its_figure_and_says_where(folder, capsys):
    assert cli.main(["run", "tiny.toml"]) == 0
    out, _ = capsys.readouterr()
    numbers, figure = out.strip().splitlines()[-2:]
    written = sorted(path.name for path in (folder / "results").iterdir())
    assert [path.rsplit(".")[-1] for path in written] == ["nc", "png"]
    assert numbers == f"wrote results/{written[0]} (every number, NetCDF)"
    assert figure == f"wrote results/{written[1]} (figure)"
    assert "LFP" in out
    assert store.load(folder / "results" / written[0]).sizes["time"] == 3


def test_own_data_take_the_place_of_the_study_s(folder, capsys):
    write_series(folder)
    arguments = ["--data", "my series.csv", "--x", "day", "--y", "level", "--out", "there"]
    assert cli.main(["run", "tiny.toml", *arguments, "--full", "--json"]) == 0
    [study] = json.loads(capsys.readouterr().out)["studies"]
    assert study["name"] == "my_series"
    assert study["table"][0]["width"] == 16
    dataset = store.load(study["file"])
    assert dataset.sizes["time"] == 4
    assert dataset["x_original"].attrs["units"] == "year"
    assert dataset["x_original"].values[0] == 2001


def test_data_without_a_study_are_compared_as_co2_is(folder):
    [study] = cli._chosen(None, folder / "a.csv", "day", "level", full=False)
    co2 = Study.from_toml("co2")
    assert study.networks == co2.networks
    assert study.data.file == str(folder / "a.csv")


def test_shipped_studies_are_listed(capsys):
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "co2"
    assert "few_points  (few_points/cubic, few_points/linear, few_points/small_domain)" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "co3"], "unknown study 'co3'; known are co2, few_points, or a file"),
        (["run", "absent.toml"], "lfp: cannot read the study: .*No such file"),
        (["run", "text.toml"], "text.toml: not TOML"),
        (["run", "wrong.toml"], "wrong.toml: time.last must be a number, got 'long'"),
        (["run", "co2", "--x", "day"], "--x and --y name columns of a file"),
        (["run", "--data", "my series.csv"], "--data needs the columns to use"),
        (["run", "few_points", "--data", "a.csv", "--x", "a", "--y", "b"], "few_points is a group"),
        (
            ["run", "tiny.toml", "--data", "absent.csv", "--x", "a", "--y", "b"],
            "cannot read 'absent.csv' as a CSV file: .*No such file",
        ),
        (
            ["run", "tiny.toml", "--data", "my series.csv", "--x", "hour", "--y", "level"],
            "no column 'hour'; its columns are \\['day', 'level'\\]",
        ),
        (["run", "tiny.toml", "--out", "tiny.toml"], "cannot write to folder 'tiny.toml'"),
        (["run", "few_points/cubic", "--out", "tiny.toml/in"], "cannot write to folder"),
    ],
)
def test_mistakes_are_told_in_one_line_with_exit_code_2(folder, capsys, arguments, message):
    write_series(folder)
    (folder / "text.toml").write_text("hello")
    (folder / "wrong.toml").write_text(TOML.replace("1e2", '"long"'))
    before = {path.name for path in folder.iterdir()}
    assert cli.main(arguments) == 2
    _, errors = capsys.readouterr()
    assert len(errors.strip().splitlines()) == 1
    with pytest.raises(ValueError, match=message):
        raise ValueError(errors)
    assert {path.name for path in folder.iterdir()} <= before | {"results"}


@pytest.mark.parametrize(
    "error", [RuntimeError("two\nlines"), OSError(28, "disk full"), MemoryError(), ValueError("v")]
)
def test_whatever_fails_while_computing_is_told_in_one_line(folder, capsys, monkeypatch, error):
    def fail(study, *, progress):
        raise error

    monkeypatch.setattr(cli, "compute", fail)
    assert cli.main(["run", "tiny.toml"]) == 2
    expected = {RuntimeError: "two lines", OSError: "[Errno 28] disk full", ValueError: "v"}
    message = expected.get(type(error), "MemoryError")
    assert capsys.readouterr().err == f"lfp: {message}\n"


def test_a_folder_in_place_of_an_output_is_refused_before_anything_is_computed(
    folder, capsys, monkeypatch
):
    assert cli.main(["run", "tiny.toml"]) == 0
    numbers, figure = sorted((folder / "results").iterdir())
    monkeypatch.setattr(cli, "compute", lambda *_, **__: pytest.fail("computed"))
    for path, arguments in (
        (numbers, ["run", "tiny.toml"]),
        (figure, ["run", "tiny.toml"]),
        (folder / "results" / "few_points.png", ["run", "few_points"]),
    ):
        path.unlink(missing_ok=True)
        path.mkdir()
        capsys.readouterr()
        assert cli.main(arguments) == 2
        error = capsys.readouterr().err
        assert f"cannot write the file 'results/{path.name}': a folder of that name" in error
        path.rmdir()


def test_failed_networks_are_warnings_and_the_rest_is_written(folder, capsys, monkeypatch):
    monkeypatch.setattr("nets._integrate._MAX_ATTEMPTS", 1)
    (folder / "tiny.toml").write_text(TOML.replace("seeds = 1", "seeds = 2"))
    assert cli.main(["run", "tiny.toml"]) == 0
    out, errors = capsys.readouterr()
    lines = [line for line in errors.splitlines() if line.startswith("lfp: warning:")]
    assert len(lines) == 2
    assert "tiny: width 16, antisymmetric, lazy scale 30, seed 0 failed" in lines[0]
    assert "1 steps were not enough" in lines[0]
    assert "wrote results/tiny-" in out


@pytest.mark.parametrize(
    ("stem", "name"), [("my series", "my_series"), ("@", "data"), ("-_", "data"), ("é1", "é1")]
)
def test_any_file_name_gives_a_study_a_name(folder, stem, name):
    [study] = cli._chosen("tiny.toml", folder / f"{stem}.csv", "a", "b", full=False)
    assert study.name == name


def test_unknown_options_end_with_exit_code_2(folder, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "co2", "--colour", "red"])
    assert stop.value.code == 2


def test_an_interrupt_while_writing_ends_with_130_and_leaves_no_file(folder, monkeypatch, capsys):
    def interrupt(figure, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(plots, "save", interrupt)
    assert cli.main(["run", "tiny.toml"]) == 130
    assert "interrupted; no file was left half written" in capsys.readouterr().err
    assert [path.suffix for path in (folder / "results").iterdir()] == [".nc"]


def test_an_interrupt_while_training_ends_at_once_with_130_and_leaves_no_file(folder):
    code = "import sys; from compare.cli import main; sys.exit(main(['run', 'co2']))"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, cwd=folder)
    assert process.stderr is not None
    shown = b""
    while b"width 256" not in shown:
        shown += os.read(process.stderr.fileno(), 1000)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted; no file was left half written" in errors
    assert list((folder / "results").iterdir()) == []


def test_help_and_list_import_neither_jax_nor_xarray():
    code = (
        "import sys; from compare.cli import main; main(['list']); "
        "sys.exit(bool({'jax', 'xarray', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
