"""What is committed of the figures: pictures and reduced data of each script, small, listed."""

import gallery
import numpy as np
import pytest
import run_all

from compare import store

FIGURES = {figure.name: figure for figure in run_all.figures()}
DATA = {name: gallery.HERE / "data" / f"{name}.nc" for name in FIGURES}
REPRESENTATIVE = ("effective_range", "theory_fig2", "training_fig3")  # one of each kind, quick
SHOWN = [name for name, path in DATA.items() if path.exists()]


def test_every_figure_has_its_data_but_the_studies_whose_data_are_large():
    assert FIGURES.keys() - set(SHOWN) == {"co2", "few_points"}
    assert len(SHOWN) >= 14
    assert "gallery" not in FIGURES


@pytest.mark.parametrize("name", SHOWN)
def test_committed_data_are_those_of_the_full_setting_and_show_the_facts(name):
    figure, data = FIGURES[name], store.load(DATA[name])
    assert data.attrs["key"] == gallery._key(name, figure.full)
    facts = figure.check(data)
    assert facts
    assert [str(fact) for fact in facts if not fact.holds] == []
    assert np.isfinite(data.attrs["seconds"])


@pytest.mark.parametrize(
    "name",
    [
        name if name in REPRESENTATIVE else pytest.param(name, marks=pytest.mark.slow)
        for name in FIGURES
    ],
)
def test_the_quick_setting_shows_the_facts(name, tmp_path):
    figure = FIGURES[name]
    data = store.load(figure.data(full=False, results=tmp_path))
    assert [str(fact) for fact in figure.check(data) if not fact.holds] == []


def test_committed_files_are_small():
    sizes = [path.stat().st_size for path in DATA.values() if path.exists()]
    assert max(sizes) <= 1_000_000
    assert sum(sizes) <= 20_000_000
    for name in SHOWN:
        for suffix in ("svg", "png"):
            picture = gallery.HERE / "pictures" / f"{name}.{suffix}"
            assert 5_000 < picture.stat().st_size <= 200_000, picture


def test_the_list_of_figures_is_up_to_date():
    assert (gallery.HERE / "README.md").read_text(encoding="utf-8") == run_all.table(), (
        "run python figures/run_all.py --table"
    )
