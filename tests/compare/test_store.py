"""Files: complete or not there, named by content, complex numbers kept."""

import numpy as np
import pytest
import xarray

from compare import store
from compare.study import Study

STUDY = 'name = "it"\n[data]\nfile = "FILE"\nx = "a"\ny = "b"\n[networks]\nwidths = [8]\n'


def dataset(file="my.csv", values=(1.0, 2.0)):
    return xarray.Dataset(
        {
            "x_original": ("sample", np.array([0.0, 1.0])),
            "y_original": ("sample", np.array(values)),
            "spectrum": (("seed", "frequency"), np.array([[1 + 2j, np.nan], [3j, 4]])),
            "fitted": (("seed", "sample"), np.array([[1.0, np.nan], [3.0, 4.0]])),
        },
        coords={
            "initialization": ["plain", "antisymmetric"],
            "peak": ("frequency", [True, False]),
            "frequency": ("frequency", [0.5, 1.0], {"units": "cycles per unit of scaled x"}),
        },
        attrs={"study": Study.parse(STUDY.replace("FILE", file)).to_toml(), "lambda_max": 32.5},
    )


def test_datasets_survive_the_round_trip_with_complex_numbers_and_attributes(tmp_path):
    path = store.save(dataset(), tmp_path / "new" / "folder")
    loaded = store.load(path)
    xarray.testing.assert_identical(loaded, dataset())
    assert loaded["spectrum"].dtype == np.complex128
    assert loaded["peak"].dtype == bool
    assert Study.parse(loaded.attrs["study"]).name == "it"


def test_the_name_changes_with_the_study_and_with_the_data_only():
    name = store.file_name(dataset())
    assert name.startswith("it-")
    assert name.endswith(".nc")
    assert store.file_name(dataset(file="/elsewhere/my.csv")) == name
    assert store.file_name(dataset(file="other.csv")) != name
    assert store.file_name(dataset(values=(1.0, 2.5))) != name
    longer = dataset()
    longer.attrs["study"] = dataset().attrs["study"].replace("points = 60", "points = 9")
    assert store.file_name(longer) != name


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = store.save(dataset(), tmp_path)
    before = path.read_bytes()

    def fail(self, place, **options):
        place.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(xarray.Dataset, "to_netcdf", fail)
    with pytest.raises(KeyboardInterrupt):
        store.save(dataset(), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_the_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "picture.png"
    with store.replacing(path) as place:
        place.write_bytes(b"all")
        assert place.parent == path.parent
        assert place.suffix == ".png"
        assert not path.exists()
    assert path.read_bytes() == b"all"
    assert [entry.name for entry in tmp_path.iterdir()] == ["picture.png"]


def test_folders_that_cannot_be_written_to_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write to folder '.*file'"):
        store.writable(tmp_path / "file")
    with pytest.raises(ValueError, match=r"cannot write to folder '.*file/inside'"):
        store.save(dataset(), tmp_path / "file" / "inside")


def test_files_that_are_no_datasets_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read '.*absent.nc' as a dataset"):
        store.load(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(ValueError, match=r"cannot read '.*text.nc' as a dataset"):
        store.load(tmp_path / "text.nc")
