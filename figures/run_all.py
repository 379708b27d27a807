"""Every figure here: `python figures/run_all.py` runs the quick settings, one after another.

`python figures/run_all.py --table` writes README.md here from the committed data: what each figure
shows, and how strongly.
"""

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Iterator

import gallery
from tqdm import tqdm

from compare import store

HEAD = """# Figures

Made by `python figures/run_all.py --table` from `data/`, which holds what the checks read; do not
edit.
`python figures/NAME.py` computes the quick setting into `results/figures`, with `--full` the
setting of the paper into `data/` and `pictures/`. Times are those of the full run, on two
processors shared with other work.
"""


def figures() -> Iterator[gallery.Figure]:
    """The figures of all scripts here, by name."""
    for path in sorted(gallery.HERE.glob("*.py")):
        if "\nFIGURE = " in path.read_text(encoding="utf-8"):
            yield importlib.import_module(path.stem).FIGURE


def table() -> str:
    """The text of README.md."""
    parts = [HEAD]
    for figure in figures():
        path = gallery.HERE / "data" / f"{figure.name}.nc"
        title = (sys.modules[figure.name].__doc__ or "").splitlines()[0]
        parts.append(f"## {figure.name}\n{title}\n")
        if not path.exists():
            parts.append("Data of the full setting are not kept here.\n")
            continue
        data = store.load(path)
        parts.append(f"![{figure.name}](pictures/{figure.name}.png)\n")
        parts.append("".join(f"- {fact}\n" for fact in figure.check(data)))
        parts.append(f"Full run: {data.attrs['seconds'] / 60:.1f} minutes.\n")
    return "\n".join(parts)


def run() -> None:
    """All quick settings; an error at the end that names the figures that failed, and why."""
    missed = []
    for figure in tqdm(list(figures()), unit="figure", file=sys.stderr):
        start = time.perf_counter()
        try:
            figure.main([])
        except SystemExit as error:
            missed.append(str(error))
        except Exception as error:  # whatever it is, the other figures do not depend on it
            tqdm.write(traceback.format_exc(), file=sys.stderr)
            missed.append(f"{figure.name}: {type(error).__name__}: {error}")
        print(f"{figure.name}: {time.perf_counter() - start:.0f} s\n")
    if missed:
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0], allow_abbrev=False)
    parser.add_argument("--table", action="store_true", help="write README.md from data/")
    if parser.parse_args().table:
        path = gallery.HERE / "README.md"
        path.write_text(table(), encoding="utf-8")
        print(f"wrote {path}")
    else:
        run()
