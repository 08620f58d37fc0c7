"""Sources as a study declares them, and the small table that all of them hold."""

from pathlib import Path

import pandas as pd
import yaml

from theragate.digests import md5_file
from theragate.study import BundledSource, DvcSource, FileSource, SimulatedSource

WORDS = {"citation": "A citation.", "licence": "A licence."}


def bundled(name: str) -> BundledSource:
    return BundledSource(kind="bundled", name=name, **WORDS)


def file(path: str, **more: object) -> FileSource:
    return FileSource(kind="file", path=path, **({"id": "record", "text": ("code",)} | more), **WORDS)


def tracked(path: str) -> DvcSource:
    return DvcSource(kind="dvc", path=path, id="record", text=("code",), **WORDS)


def simulated(world: str, *, patients: int = 400, seed: int = 1) -> SimulatedSource:
    return SimulatedSource(kind="simulated", world=world, patients=patients, seed=seed, **WORDS)


def table() -> pd.DataFrame:
    return pd.DataFrame({"record": ["007", "8"], "code": ["01", "02"], "age": [50.0, 60.0]})


def track(path: Path) -> None:
    """Write what `dvc add` writes; tests/drafting/test_new_study.py runs the command itself."""
    out = {"md5": md5_file(path), "size": path.stat().st_size, "hash": "md5", "path": path.name}
    path.with_name(f"{path.name}.dvc").write_text(yaml.safe_dump({"outs": [out]}), encoding="utf-8")


def study_folder(root: Path) -> Path:
    """Make the folder of the study `s`: a CSV, a Parquet file and what DVC would write about the CSV."""
    folder = root / "sources" / "s"
    folder.mkdir(parents=True)
    table().to_csv(folder / "t.csv", index=False)
    table().astype({"code": "category"}).to_parquet(folder / "t.parquet")
    track(folder / "t.csv")
    return folder
