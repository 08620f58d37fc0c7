"""``python -m docs.refresh`` (``make docs``): write into the pages what the results of all studies say.

The page of results, the excerpt in the README, the example of a request and the figures follow from the files that
``make repro`` has made. Screenshots are taken by ``make screenshots``, tables of simulations by ``make simulate``.
"""

import io
import os
from contextlib import redirect_stdout
from pathlib import Path

from PIL import Image, PngImagePlugin
from ruamel.yaml import YAML

from theragate.cli import main
from theragate.files import write_text

__all__ = ["EXAMPLE", "FIGURES", "SHOWN", "lock_of", "refresh"]

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("breast_cancer_diagnosis", "heart_attack_survival", "light_chain_mortality", "hiv_trial_response")
EXAMPLE = "heart_attack_survival"
# The picture in docs/images, and the folder that DVC keeps it in.
FIGURES = {"subgroups.png": "reports/light_chain_mortality/figures"}

# What depends on the state of the clone and not on the results.
_OF_THE_MOMENT = ("These held-out data", "release conditions:")


def refresh(root: Path) -> None:
    """Write everything anew."""
    _run("results")
    _fill(root / "README.md", "theragate summary", _excerpt(_run("summary")))
    _fill(root / "docs" / "predictions.md", f"theragate example {EXAMPLE}", _run("example", EXAMPLE))
    for name, folder in FIGURES.items():
        _copy(root / folder / name, root / "docs" / "images" / name, source=lock_of(root, folder))


def lock_of(root: Path, output: str) -> str:
    """Return the digest by which ``dvc.lock`` names an output."""
    stages = YAML(typ="safe", pure=True).load(root / "dvc.lock")["stages"]
    return next(out["md5"] for stage in stages.values() for out in stage.get("outs", ()) if out["path"] == output)


def _run(*arguments: str) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = main(arguments)
    if code:
        raise SystemExit(f"`theragate {' '.join(arguments)}` failed; run `make repro` first")
    return printed.getvalue()


def _excerpt(summary: str) -> str:
    """Keep the studies that the README shows, and what follows the last study."""
    blocks = summary.strip().split("\n\n")
    kept = [block for block in blocks if block.split()[0] in SHOWN or block == blocks[-1]]
    lines = [line.rstrip() for line in "\n\n".join(kept).splitlines()]
    return "\n".join(line for line in lines if not line.strip().startswith(_OF_THE_MOMENT))


def _fill(page: Path, name: str, text: str) -> None:
    """Write `text` as the block of code between the markers ``<!-- name -->`` and ``<!-- end name -->``."""
    head, start, rest = page.read_text(encoding="utf-8").partition(f"<!-- {name} -->")
    _, end, tail = rest.partition(f"<!-- end {name} -->")
    if not end:
        raise SystemExit(f"{page} has no markers of `{name}`")
    write_text(page, f"{head}{start}\n```\n{text.strip()}\n```\n{end}{tail}")


def _copy(figure: Path, picture: Path, *, source: str) -> None:
    """Copy a figure, and note in the copy which output of the pipeline it was taken from."""
    note = PngImagePlugin.PngInfo()
    note.add_text("Source", source)
    with Image.open(figure) as image:
        image.save(picture, pnginfo=note, dpi=image.info["dpi"], optimize=True)


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    refresh(ROOT)
