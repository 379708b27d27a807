"""The frame of the figure scripts: facts, cached parts, datasets of a setting, pictures."""

from dataclasses import dataclass, replace

import gallery
import matplotlib
import numpy as np
import pytest
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


def test_main_says_what_it_wrote_and_fails_when_a_fact_is_not_seen(script, monkeypatch, capsys):
    monkeypatch.setattr(gallery, "HERE", script.folder / "figures")
    monkeypatch.setattr(gallery, "RESULTS", script.folder / "results")
    script.figure.main([])
    out = capsys.readouterr().out
    assert "wrote" in out
    assert "example.svg" in out
    assert "largest: 2 (> 1, < 2.5)" in out
    with pytest.raises(SystemExit, match="1 of 1 facts not seen"):
        script.figure.main(["--full"])
    assert (script.folder / "figures/pictures/example.png").exists()
    with pytest.raises(SystemExit, match="2"):
        script.figure.main(["--fast"])


def test_each_source_has_a_colour_of_its_own_and_a_name():
    assert style.COLOURS.keys() == style.LABELS.keys()
    assert len(set(style.COLOURS.values())) == len(style.COLOURS)


def test_settings_differ_in_their_folder():
    keys = {gallery._key("a", Setting()), gallery._key("b", Setting())}
    assert len(keys | {gallery._key("a", replace(Setting(), count=4))}) == 3
