"""Real cohorts that installed packages hold: each drafted by ``theragate new-study``, and run as far as it goes.

``python -m docs.real_cohorts`` writes the table of docs/cohorts.md; a test drafts each cohort again and compares lines.
No table is in the repository; a cohort is named by the SHA-256 of what its package holds.
"""

import contextlib
import hashlib
import importlib.util
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from theragate.cli import main
from theragate.commands.init import init
from theragate.files import write_text
from theragate.runner.command import exit_code
from theragate.stages.ingest import ingest
from theragate.stages.validate import validate

__all__ = ["COHORTS", "PAGE", "Cohort", "Tried", "line_of", "try_cohort"]

PAGE = Path(__file__).parent / "cohorts.md"
HEADER = "| cohort | from | outcome | drafted | validated |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Cohort:
    """A table in an installed package, and what a person would say of it on the command line.

    `file` is below the package. Where `load` is given, the table is what it returns, since the file is of a form that
    hospitals do not have; it is written as a CSV file.
    """

    name: str
    package: str
    file: str
    sha256: str
    outcome: str
    time: str = ""
    more: tuple[str, ...] = ()
    load: Callable[[], pd.DataFrame] | None = None

    def write(self, folder: Path) -> Path:
        """Write the table into a folder.

        Raises
        ------
        RuntimeError
            If the package holds another file than the one that is named here.
        """
        package = importlib.util.find_spec(self.package)  # which is not imported: it may need what is not installed
        path = Path(package.submodule_search_locations[0], self.file)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != self.sha256:
            raise RuntimeError(f"{self.package}/{self.file} has the digest {found}")
        target = folder / (path.name if self.load is None else f"{self.name}.csv")
        if self.load is None:
            shutil.copyfile(path, target)
        else:
            self.load().to_csv(target, index=False)
        return target


def _scikit_survival(name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        from sksurv import datasets

        features, outcome = getattr(datasets, f"load_{name}")()
        columns = {field: outcome[field] for field in outcome.dtype.names}
        return features.assign(**{name: _as_number(column) for name, column in columns.items()})

    return load


def _as_number(column):  # type: ignore[no-untyped-def]
    return column.astype(int) if column.dtype == bool else column


def _scikit_learn(name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        from sklearn import datasets

        return getattr(datasets, f"load_{name}")(as_frame=True).frame

    return load


COHORTS = (
    Cohort(
        name="actg175",
        package="lifelines",
        file="datasets/ACTG175.csv",
        sha256="56fba31fa0d7bfbff9667b7149fd96a97c352e72aa582871a62a935e812f0e07",
        outcome="cens",
        time="days",
    ),
    Cohort(
        name="kidney_transplant",
        package="lifelines",
        file="datasets/kidney_transplant.csv",
        sha256="5e276e73eb144cba9725b4353a09a81f88b80db6fdbfe4ac841ca4a2f54eb91c",
        outcome="death",
        time="time",
    ),
    Cohort(
        name="larynx",
        package="lifelines",
        file="datasets/larynx.csv",
        sha256="0692a7d3df379e973a67915964c538718b7a54a22287647b0ae86e895df18fc1",
        outcome="death",
        time="time",
    ),
    Cohort(
        name="lung",
        package="lifelines",
        file="datasets/lung.csv",
        sha256="16ebd02c38bbb5708186d600cff80ad84d0764974619436f83ba4a605e77eb44",
        outcome="status",
        time="time",
    ),
    Cohort(
        name="lymph_node",
        package="lifelines",
        file="datasets/lymph_node.csv",
        sha256="e04343c3f26f193f787df61980495fb7c5d397d42a0cb6f46d1524c008fa337c",
        outcome="censdead",
        time="survtime",
    ),
    Cohort(
        name="lymphoma",
        package="lifelines",
        file="datasets/lymphoma.csv",
        sha256="3658636873bbf3fe2311ce48c005c3410e07fd394e3de28eb20d0c70aa5c42df",
        outcome="Censor",
        time="Time",
    ),
    Cohort(
        name="aids_cohort",
        package="lifelines",
        file="datasets/multicenter_aids_cohort.tsv",
        sha256="e9ce1784a496f0ce595b2636d2277914c8a3775ec65c089abd98b9020e228616",
        outcome="D",
        time="T",
    ),
    Cohort(
        name="gbsg2",
        package="lifelines",
        file="datasets/gbsg2.csv",
        sha256="695954dbed9eaa619f9854f6c945bdccf5b21b12ea3fb46bd28797b9e8284d49",
        outcome="cens",
        time="time",
    ),
    Cohort(
        name="glioma",
        package="lifelines",
        file="datasets/g3.csv",
        sha256="7a2700afffcbc494679dca3fa7ec77e0f4250679d590a052cd405f730a2130a0",
        outcome="event",
        time="time",
    ),
    Cohort(
        name="psychiatric",
        package="lifelines",
        file="datasets/psychiatric_patients.csv",
        sha256="06a022269119db15ba5310d5a6102a1fd66e6a47573dbdfd6cb8bd5643500a6c",
        outcome="C",
        time="T",
    ),
    Cohort(
        name="recurrences",
        package="lifelines",
        file="datasets/recur.csv",
        sha256="ad2c5bb465648dce7c6e4ff4bdc14b0e7988c48c9f67fd02f07a3e425c611f0d",
        outcome="CENSOR",
        time="TIME1",
    ),
    Cohort(
        name="merrell",
        package="lifelines",
        file="datasets/merrell1955.csv",
        sha256="f58a9367e8254d8282a40e9a9f0f7d3f4a6fbc3e5044b5c7fa9d9f4f1206e9e1",
        outcome="dead",
        time="time_between_diagnosis_and_last_observation_(years)",
    ),
    Cohort(
        name="leukemia",
        package="lifelines",
        file="datasets/anderson.csv",
        sha256="9d302d4caf267f4ca653cf272af3b6163d162fd484f68e12d0656e8e65fc0a5e",
        outcome="status",
        time="t",
    ),
    Cohort(
        name="aids",
        package="sksurv",
        file="datasets/data/actg320.arff",
        sha256="f0613690853c36fc7b9b936cfae4c95ba460b64df1989cc1ccc126b729eae455",
        outcome="censor",
        time="time",
        load=_scikit_survival("aids"),
    ),
    Cohort(
        name="bmt",
        package="sksurv",
        file="datasets/data/bmt.arff",
        sha256="c910a1f3bb4096c050028725883aaec8fdbc96c9d08424cd534bc96ad807ea7b",
        outcome="status",
        time="ftime",
        load=_scikit_survival("bmt"),
    ),
    Cohort(
        name="cgvhd",
        package="sksurv",
        file="datasets/data/cgvhd.arff",
        sha256="d25c54a98ef825a3290bfbd6242e11589cbabd3990c02835cab5318d7eb9557f",
        outcome="status",
        time="ftime",
        load=_scikit_survival("cgvhd"),
    ),
    Cohort(
        name="breast_cancer_genes",
        package="sksurv",
        file="datasets/data/breast_cancer_GSE7390-metastasis.arff",
        sha256="233f4c1c06b2ee299fffcba0f9881f6ed66a3566ccbec30b5004f0d298b52570",
        outcome="e.tdm",
        time="t.tdm",
        load=_scikit_survival("breast_cancer"),
    ),
    Cohort(
        name="flchain",
        package="sksurv",
        file="datasets/data/flchain.arff",
        sha256="bf2600ec437dd19071f73bdad82de681780457d1141ec36ed551b0026e6e5773",
        outcome="death",
        time="futime",
        load=_scikit_survival("flchain"),
    ),
    Cohort(
        name="whas500",
        package="sksurv",
        file="datasets/data/whas500.arff",
        sha256="f64040c91398875137822eca306a927208df6896808cd9764af7065722fa53d6",
        outcome="fstat",
        time="lenfol",
        load=_scikit_survival("whas500"),
    ),
    Cohort(
        name="veterans_lung_cancer",
        package="sksurv",
        file="datasets/data/veteran.arff",
        sha256="71dbc9e235f3cc2ed10b3a254e39f985c092346d1c845736ed21b13fbe263456",
        outcome="Status",
        time="Survival_in_days",
        load=_scikit_survival("veterans_lung_cancer"),
    ),
    Cohort(
        name="breast_cancer_cells",
        package="sklearn",
        file="datasets/data/breast_cancer.csv",
        sha256="fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed",
        outcome="target",
        load=_scikit_learn("breast_cancer"),
    ),
    Cohort(
        name="diabetes",
        package="sklearn",
        file="datasets/data/diabetes_data_raw.csv.gz",
        sha256="7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009",
        outcome="target",
        load=_scikit_learn("diabetes"),
    ),
)


@dataclass(frozen=True)
class Tried:
    """How far a cohort has come, in the words that a user reads."""

    drafted: str
    validated: str


def try_cohort(cohort: Cohort, folder: Path) -> Tried:
    """Draft a study from a cohort in a new project, and run it to `validate` without an edit."""
    project = folder / "project"
    init(project, example=None, apply=True)
    table = cohort.write(folder)
    words = ["new-study", cohort.name, "--from", str(table), "--outcome", cohort.outcome, *cohort.more]
    with _inside(project):
        code, said = _said(lambda: main([*words, *(["--time", cohort.time] if cohort.time else [])]))
        drafted = _facts(said) if code == 0 else f"refused: {_reason(said)}"
        if code:
            return Tried(drafted, "")
        for stage in (ingest, validate):
            code, said = _said(lambda stage=stage: exit_code(stage, [cohort.name]))
            if code:
                return Tried(drafted, f"refused: {_reason(said)}")
    return Tried(drafted, said.strip().removeprefix(f"{cohort.name}: "))


def line_of(cohort: Cohort, tried: Tried) -> str:
    """Return the cohort's line of the table."""
    outcome = f"`{cohort.outcome}`" + (f" by `{cohort.time}`" if cohort.time else "")
    return f"| {cohort.name} | {cohort.package} | {outcome} | {tried.drafted} | {tried.validated} |"


def _facts(said: str) -> str:
    return said.splitlines()[0].partition(": ")[2]


def _reason(said: str) -> str:
    """Return the error without what to do about it."""
    line = next(line for line in said.splitlines() if line.startswith("error: "))
    return line.removeprefix("error: ").replace("|", "/")


def _said(act: Callable[[], int]) -> tuple[int, str]:
    """Return the exit code of `act`, and what it has written."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
        code = act()
    return code, written.getvalue()


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _write_table() -> None:
    lines = []
    for cohort in COHORTS:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(line_of(cohort, try_cohort(cohort, Path(folder))))
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition("<!-- table -->\n")
    write_text(PAGE, head + mark + "\n".join([HEADER, *lines]) + "\n")


if __name__ == "__main__":
    _write_table()
