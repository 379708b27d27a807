"""The frame of the figure scripts: facts, cached parts, datasets of a setting, pictures."""

import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace

import gallery
import matplotlib
import numpy as np
import pytest
import run_all
import xarray

from compare import store, style


@dataclass(frozen=True)
class Setting:
    count: int = 3


class Script:
    """A figure of its own, which counts what it computes."""

    def __init__(self, tmp_path):
        self.computed = []
        self.folder = tmp_path
        self.figure = gallery.Figure(
            str(tmp_path / "example.py"), Setting(), Setting(30), self.compute, draw, check
        )

    def compute(self, setting, cache):
        def part():
            self.computed.append(setting.count)
            return xarray.Dataset({"y": ("x", np.arange(setting.count, dtype=float))})

        return cache.part("only", part)

    def data(self, *, full=False):
        return self.figure.data(full=full, results=self.folder, data=self.folder / "data")


def draw(data):
    figure = gallery.canvas(3, 2)
    axes = figure.subplots(1, 2)
    for axis in axes:
        axis.plot(data["y"])
        axis.set_title("title")
    gallery.letters(axes)
    return figure


def check(data):
    return [gallery.Fact("largest", float(data["y"].max()), above=1.0, below=2.5)]


@pytest.fixture
def script(tmp_path):
    return Script(tmp_path)


@pytest.fixture
def main(script, monkeypatch):
    """That of the script, with the folders of the repository in a temporary one."""
    monkeypatch.setattr(gallery, "HERE", script.folder / "figures")
    monkeypatch.setattr(gallery, "RESULTS", script.folder / "results")
    return script.figure.main


def failing(error):
    """A function of any arguments that raises."""

    def fail(*_):
        raise error

    return fail


def test_a_fact_holds_strictly_between_its_thresholds():
    assert gallery.Fact("a", 1.0, above=0.5).holds
    assert not gallery.Fact("a", 0.5, above=0.5).holds
    assert not gallery.Fact("a", np.nan, above=0.5).holds
    assert not gallery.Fact("a", np.nan, below=0.5).holds
    assert gallery.Fact("a", np.inf, above=0.5).holds
    assert not gallery.Fact("a", np.inf, below=0.5).holds
    assert not gallery.Fact("a", 2.0, above=0.5, below=1.5).holds
    assert str(gallery.Fact("a", 2.0, below=1.5)) == "a: 2 (< 1.5)  NOT SEEN"
    with pytest.raises(ValueError, match="needs a threshold"):
        gallery.Fact("a", 2.0)


def test_data_are_computed_once_for_a_setting(script):
    first = script.data()
    assert script.data() == first
    assert script.computed == [3]
    found = store.load(first)
    assert found.attrs["figure"] == "example"
    assert found.attrs["setting"] == '{"count": 3}'
    assert found.attrs["seconds"] >= 0


def test_data_of_another_setting_are_computed_again_and_it_is_said(script, capsys):
    script.data()
    script.data(full=True)
    assert script.computed == [3, 30]
    assert "is of another setting: computing it again" in capsys.readouterr().err


def test_a_killed_run_goes_on_from_its_parts(script):
    path = script.data()
    path.unlink()
    script.data()
    assert script.computed == [3]


def test_truncated_files_are_computed_again_and_it_is_said(script, capsys):
    path = script.data()
    [part] = (script.folder / "cache").glob("*/only.nc")
    for damaged in (path, part):
        damaged.write_bytes(damaged.read_bytes()[:100])
    script.data()
    assert script.computed == [3, 3]
    assert capsys.readouterr().err.count("computing again: cannot read") == 2


def test_checkpoints_lie_beside_the_parts(tmp_path):
    cache = gallery.Cache(tmp_path / "it")
    assert cache.checkpoint("long").parent == cache.folder == tmp_path / "it"


def test_a_folder_that_cannot_be_written_to_is_refused(script):
    (script.folder / "data").write_text("a file")
    with pytest.raises(ValueError, match="cannot write to folder"):
        script.data()


def test_pictures_are_the_same_file_each_time_and_have_letters(script, tmp_path):
    data = store.load(script.data())
    svg, png = script.figure.picture(data, tmp_path / "one")
    again, _ = script.figure.picture(data, tmp_path / "two")
    assert svg.read_bytes() == again.read_bytes()
    assert png.stat().st_size > 1000
    with matplotlib.rc_context(style.RC):
        axes = draw(data).axes
    titles = [axis.get_title(loc="left") for axis in axes]
    assert titles == ["(a) title", "(b) title"]


def test_labels_of_a_picture_keep_their_decimals(tmp_path):
    path = tmp_path / "it.svg"
    path.write_text('<svg><path d="M 1.23456 2"/><text x="3.4567">0.125</text>\n</svg>')
    gallery._shrink(path)
    assert path.read_text() == '<svg><path d="M 1.23 2"/><text x="3.46">0.125</text>\n</svg>'


def test_there_are_26_letters_and_more_panels_are_refused():
    figure = gallery.canvas(3, 2)
    axes = [figure.add_axes((0, 0, 1, 1)) for _ in range(27)]
    gallery.letters(iter(axes[:26]))
    assert [axis.get_title(loc="left")[:3] for axis in axes[24:]] == ["(y)", "(z)", ""]
    with pytest.raises(ValueError, match="axes must be at most 26, got 27"):
        gallery.letters(axes)


def test_main_says_what_it_wrote_and_fails_when_a_fact_is_not_seen(script, main, capsys):
    main([])
    out = capsys.readouterr().out
    assert "wrote" in out
    assert "example.svg" in out
    assert "largest: 2 (> 1, < 2.5)" in out
    with pytest.raises(SystemExit, match="1 of 1 facts not seen"):
        main(["--full"])
    assert (script.folder / "figures/pictures/example.png").exists()


def test_main_tells_data_that_it_read_from_data_that_it_wrote(script, main, capsys):
    path = script.folder / "results/figures/example.nc"
    for verb in ("wrote", "read"):
        main([])
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if str(path) in line] == [f"{verb} {path}"]


def test_help_and_unknown_options_do_not_wait_for_jax(main, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)  # an import fails
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    with pytest.raises(SystemExit, match="2"):
        main(["--fast"])


@pytest.mark.parametrize("place", ["figures/data", "figures/pictures", "results/cache"])
def test_main_ends_with_one_line_where_a_folder_cannot_be_written_to(script, main, place):
    (script.folder / place).parent.mkdir()
    (script.folder / place).write_text("a file")
    with pytest.raises(SystemExit, match=r"^example: cannot write to folder [^\n]*$"):
        main(["--full"])


def test_main_ends_with_one_line_where_an_extra_is_missing(script, main):
    error = ImportError("images need it: pip install it")
    figure = replace(script.figure, compute=failing(error))
    with pytest.raises(SystemExit, match=r"^example: images need it: pip install it$"):
        figure.main([])


@pytest.mark.parametrize("error", [ValueError("a bug"), ModuleNotFoundError("a bug", name="typo")])
def test_main_hides_no_mistake_of_a_script(script, main, error):
    for function in ("compute", "draw"):
        figure = replace(script.figure, **{function: failing(error)})
        with pytest.raises(type(error), match="a bug"):
            figure.main([])


def test_after_a_figure_that_fails_the_next_ones_are_drawn(monkeypatch, capsys):
    drawn = []
    mains = {
        "broken": failing(KeyError("x")),
        "unseen": failing(SystemExit("unseen: 1 of 2 facts not seen")),
        "fine": drawn.append,
    }
    figures = [SimpleNamespace(name=name, main=main) for name, main in mains.items()]
    monkeypatch.setattr(run_all, "figures", lambda: figures)
    with pytest.raises(SystemExit) as ended:
        run_all.run()
    assert ended.value.code == "broken: KeyError: 'x'\nunseen: 1 of 2 facts not seen"
    assert drawn == [[]]
    assert "Traceback" in capsys.readouterr().err


def test_each_source_has_a_colour_of_its_own_and_a_name():
    assert style.COLOURS.keys() == style.LABELS.keys()
    assert len(set(style.COLOURS.values())) == len(style.COLOURS)


def test_settings_differ_in_their_folder():
    keys = {gallery._key("a", Setting()), gallery._key("b", Setting())}
    assert len(keys | {gallery._key("a", replace(Setting(), count=4))}) == 3
