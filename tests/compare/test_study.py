"""Study files: in and out of TOML, and what is refused."""

import inspect
import tomllib
from dataclasses import replace

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.sections import Data, Frequencies, Initialization, Networks, Probe, Row, Time
from compare.study import Study, names, run

MINIMAL = 'name = "it"\n[data]\nsource = "co2"\nyears = 2\n[networks]\nwidths = [8]\n'

positive = st.floats(1e-3, 1e3)
numbers = st.floats(-1e6, 1e6)
text = st.text(min_size=1).filter(str.isprintable)
data = st.one_of(
    st.fixed_dictionaries({"source": st.just("co2"), "years": st.integers(1, 43)}),
    st.fixed_dictionaries(
        {"file": text, "x": text, "y": text}, optional={"scale_x": st.booleans()}
    ),
    st.fixed_dictionaries(
        {"points": st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1, max_size=4)},
        optional={"standardize_y": st.booleans()},
    ),
)


@st.composite
def blocks(draw, widths):
    """A block of networks; blocks of disjoint widths never share a combination."""
    chosen = draw(st.lists(st.sampled_from(widths), min_size=1, max_size=3, unique=True))
    per_width = st.lists(st.integers(1, 9), min_size=len(chosen), max_size=len(chosen))
    return {
        "widths": chosen,
        "seeds": draw(st.one_of(st.integers(1, 9), per_width)),
        "initializations": draw(st.sampled_from([["plain"], ["antisymmetric", "plain"]])),
        "lazy_scales": draw(st.lists(positive, min_size=1, max_size=3, unique=True)),
    }


tables = st.fixed_dictionaries(
    {
        "name": st.text("abz_-09", min_size=1).filter(lambda name: name.strip("_-") != ""),
        "data": data,
        "networks": st.one_of(
            blocks([16, 32, 64]),
            st.tuples(blocks([16, 32, 64]), blocks([128, 256, 512])).map(list),
        ),
    },
    optional={
        "initialization": st.fixed_dictionaries({"sigma_a": positive, "sigma_b": positive}),
        "time": st.fixed_dictionaries({"last": st.floats(2, 1e9), "points": st.integers(2, 99)}),
        "frequencies": st.fixed_dictionaries({"peaks": st.integers(1, 9)}),
        "probe": st.fixed_dictionaries({"points": st.sampled_from([0, 2, 201])}),
    },
)


def contains(table, part):
    """Whether every entry of `part` stands in `table`, tables inside likewise."""
    if isinstance(part, dict):
        return all(contains(table[key], part[key]) for key in part)
    if isinstance(part, list):
        return all(contains(*pair) for pair in zip(table, part, strict=True))
    return table == part


@settings(max_examples=60, deadline=None)
@given(table=tables)
def test_studies_survive_the_round_trip_through_toml(table):
    study = Study.parse(tomli_w.dumps(table))
    written = study.to_toml()
    assert Study.parse(written) == study
    assert Study.parse(written).to_toml() == written
    assert contains(tomllib.loads(written), table)


def test_integers_and_floats_give_the_same_text():
    one = Study.parse(MINIMAL + "[time]\nlast = 100\n")
    other = Study.parse(MINIMAL + "[time]\nlast = 1e2\n")
    assert one.to_toml() == other.to_toml()
    assert replace(one, time=Time(last=100)).to_toml() == one.to_toml()


def test_shipped_studies_are_known_by_name():
    for parts in names().values():
        for part in parts:
            assert Study.from_toml(part).networks
    assert Study.from_toml("co2").data == Data(source="co2", years=15)


def test_co2_trains_every_row_at_lazy_scale_30_and_one_at_1():
    rows = Study.from_toml("co2").rows()
    assert len(rows) == 7
    assert sum(row.seeds for row in rows) == 21
    assert [row for row in rows if row.lazy_scale == 1] == [
        Row(4096, 1, "antisymmetric", 1.0, 1e-2)
    ]
    assert {row.lazy_scale for row in rows[:6]} == {30.0}


def test_the_long_setting_replaces_entries_of_the_short_one(tmp_path):
    path = tmp_path / "it.toml"
    path.write_text(MINIMAL + "[time]\nlast = 100\npoints = 7\n[full.time]\nlast = 200\n")
    assert Study.from_toml(path).time == Time(last=100, points=7)
    assert Study.from_toml(path, full=True).time == Time(last=200, points=7)
    assert "full" not in Study.from_toml(path, full=True).to_toml()


def test_files_of_data_are_found_beside_the_study(tmp_path):
    path = tmp_path / "it.toml"
    path.write_text(
        'name = "it"\n[data]\nfile = "my.csv"\nx = "a"\ny = "b"\n[networks]\nwidths = [8]\n'
    )
    assert Study.from_toml(path).data.file == str(tmp_path / "my.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1\n" + MINIMAL, "unknown key 'colour'; allowed here: name, data, networks"),
        (MINIMAL + "depth = 3\n", r"unknown key 'networks\[0\].depth'; allowed here: widths"),
        (MINIMAL + "[time]\nlats = 3\n", "unknown key 'time.lats'; allowed here: last, points"),
        (MINIMAL + "[full.time]\nlats = 3\n", "unknown key 'time.lats'"),
        ('[data]\nsource = "co2"\nyears = 2\n[networks]\nwidths = [8]', "missing key 'name'"),
        ('name = "it"\n[networks]\nwidths = [8]\n', "missing key 'data'"),
        ('name = "it"\n[data]\nsource = "co2"\nyears = 2\n', "missing key 'networks'"),
        (MINIMAL.replace("widths = [8]", ""), r"missing key 'networks\[0\].widths'"),
        (MINIMAL.replace('"it"', '"a b"'), "name must be letters, digits.*got 'a b'"),
        ("name = ", "not TOML"),
        (MINIMAL.replace('"co2"', '"rain"'), "data.source must be 'co2', got 'rain'"),
        (MINIMAL.replace("years = 2", ""), "data.years belongs to data.source"),
        (MINIMAL.replace("years = 2", 'years = 2\nfile = "a.csv"'), "exactly one of source, file"),
        (
            MINIMAL.replace('source = "co2"\nyears = 2', 'file = "a"\nx = "b"'),
            "data.file needs the columns data.x",
        ),
        (MINIMAL + "seeds = [1, 2]\n", "networks.seeds must be one number or one per width"),
        (MINIMAL + "seeds = 0\n", "networks.widths and networks.seeds must be >= 1, got 0"),
        (MINIMAL + "lazy_scales = [-1]\n", "networks.lazy_scales must be positive and finite"),
        (MINIMAL + "rtol = 0\n", "networks.rtol must be above 0 and below 1, got 0"),
        (MINIMAL + "rtol = 1\n", "networks.rtol must be above 0 and below 1, got 1"),
        (MINIMAL + "rtol = nan\n", "networks.rtol must be above 0 and below 1, got nan"),
        (MINIMAL + f"lazy_scales = [1{400 * '0'}]\n", "must be below 1.8e308, got a longer"),
        (MINIMAL + "lazy_scales = []\n", "networks.lazy_scales must be non-empty without repeats"),
        (MINIMAL + 'initializations = ["zero"]\n', "'plain' or 'antisymmetric', got 'zero'"),
        (MINIMAL + "[time]\nlast = 1\n", "time.last must be finite and above 1, got 1"),
        (MINIMAL + "[time]\nlast = inf\n", "time.last must be finite and above 1, got inf"),
        (MINIMAL + "[time]\npoints = 1\n", "time.points must be at least 2, got 1"),
        (MINIMAL + "[frequencies]\npeaks = 0\n", "frequencies.peaks must be at least 1, got 0"),
        (MINIMAL + "[probe]\npoints = 1\n", "probe.points must be 0, or at least 2 .* got 1"),
        (MINIMAL + "[probe]\npoints = 100001\n", "at most 100000, got 100001"),
        (MINIMAL + "[initialization]\nsigma_b = nan\n", "sigma_b must be positive and finite"),
        (MINIMAL + "[initialization]\nsigma_a = 0\n", "sigma_a must be positive and finite, got 0"),
        (
            MINIMAL + '[initialization]\nactivation = "sin"\n',
            "activation must be 'relu', got 'sin'",
        ),
    ],
)
def test_bad_studies_are_refused_with_the_place_and_what_is_allowed(text, message, tmp_path):
    path = tmp_path / "it.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"it.toml: .*{message}"):
        Study.from_toml(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + '[time]\nlast = "long"\n', "time.last must be a number, got 'long'"),
        (MINIMAL + "[time]\npoints = 2.5\n", "time.points must be an integer, got 2.5"),
        (MINIMAL + "[time]\npoints = true\n", "time.points must be an integer, got True"),
        ("time = 3\n" + MINIMAL, "time must be a table, got 3"),
        (MINIMAL.replace("[8]", "8"), "widths must be a list, each entry an integer, got 8"),
        (MINIMAL.replace("[8]", '["8"]'), r"networks\[0\].widths\[0\] must be an integer, got '8'"),
        (MINIMAL + 'seeds = "2"\n', "seeds must be an integer or a list, .* got '2'"),
        (MINIMAL.replace("years = 2", "scale_x = 1"), "data.scale_x must be true or false, got 1"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(text, message, tmp_path):
    path = tmp_path / "it.toml"
    path.write_text(text)
    with pytest.raises(TypeError, match=message):
        Study.from_toml(path)


def make(record, **values):
    """A record as users make it: the tests' import hook would be faster than the own check."""
    made = object.__new__(record)
    inspect.unwrap(record.__init__)(made, **values)
    return made


@pytest.mark.parametrize(
    ("record", "values", "message"),
    [
        (Networks, {"widths": (32.5,)}, r"networks.widths\[0\] must be an integer, got 32.5"),
        (Networks, {"widths": [32]}, r"networks.widths must be a tuple, .* got \[32\]"),
        (Networks, {"widths": 32}, "networks.widths must be a tuple, .* got 32"),
        (Networks, {"widths": (8,), "seeds": 1.5}, "networks.seeds must be an integer .* got 1.5"),
        (Networks, {"widths": (8,), "seeds": (True,)}, r"networks.seeds must be .* got \(True,\)"),
        (Networks, {"widths": (8,), "initializations": "plain"}, "initializations must be a tuple"),
        (Networks, {"widths": (8,), "lazy_scales": ("1",)}, r"lazy_scales\[0\] must be a number"),
        (Time, {"points": 2.5}, "time.points must be an integer, got 2.5"),
        (Time, {"last": "x"}, "time.last must be a number, got 'x'"),
        (Probe, {"points": 2.5}, "probe.points must be an integer, got 2.5"),
        (Frequencies, {"peaks": None}, "frequencies.peaks must be an integer, got None"),
        (Initialization, {"sigma_a": None}, "initialization.sigma_a must be a number, got None"),
        (Initialization, {"activation": 1}, "initialization.activation must be a string, got 1"),
        (Data, {"source": "co2", "years": 1.5}, "data.years must be an integer, got 1.5"),
        (Data, {"points": ((1, 2, 3),)}, r"data.points\[0\] must be a tuple of 2 entries, .*, 3\)"),
        (Data, {"points": 3}, "data.points must be a tuple, .* got 3"),
        (Study, {"name": 3, "data": None, "networks": ()}, "name must be a string, got 3"),
        (
            Study,
            {"name": "it", "data": "co2", "networks": ()},
            "data must be a record Data, got 'co2'",
        ),
    ],
)
def test_records_made_in_python_are_checked_like_those_of_a_file(record, values, message):
    with pytest.raises(TypeError, match=rf"^{message}" if record is Study else message):
        make(record, **values)


def test_numpy_scalars_in_records_become_plain_numbers():
    block = make(Networks, widths=(np.int64(32),), seeds=np.int32(2), rtol=np.float32(0.5))
    assert block == Networks(widths=(32,), seeds=2, rtol=0.5)
    assert type(block.widths[0]) is type(block.seeds) is int
    assert type(block.rtol) is float


def test_what_is_no_study_is_refused_by_name():
    with pytest.raises(TypeError, match=r"text must be the text of a study file.* got None"):
        Study.parse(None)
    with pytest.raises(TypeError, match=r"study must be a Study, got 'co2'; Study.from_toml"):
        run("co2")


def test_two_blocks_must_not_share_a_combination():
    block = Networks(widths=(8,))
    with pytest.raises(ValueError, match=r"width 8, plain, lazy scale 1 is in two blocks"):
        Study(name="it", data=Data(source="co2", years=2), networks=(block, block))


def test_names_and_files_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown study 'co3'; known are co2.*, or a file"):
        Study.from_toml("co3")
    with pytest.raises(ValueError, match=r"^cannot read the study: .*No such file .*absent\.toml"):
        Study.from_toml(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x81")
    with pytest.raises(ValueError, match=r"^cannot read the study: .*codec can't decode"):
        Study.from_toml(tmp_path / "binary.toml")
    (tmp_path / "it.toml").write_text(MINIMAL)
    with pytest.raises(ValueError, match=r"has no table \[full\]"):
        Study.from_toml(tmp_path / "it.toml", full=True)
