"""What can be known to be wrong before anything runs: every study, its gates, its suite, what people have decided."""

from collections.abc import Iterator
from pathlib import Path

from theragate.cohorts.sources import check_folder, check_source
from theragate.errors import DataError
from theragate.gates import read_policy
from theragate.learning.families import check_families
from theragate.project.study_places import check_files, left_over
from theragate.release.champion import read_champion
from theragate.release.waivers import read_waivers
from theragate.runner.workspace import Workspace
from theragate.study import NO_STUDY, load_seed, load_studies
from theragate.study.added_sources import source_kinds
from theragate.validation.suites import read_suite

__all__ = ["check"]


def check(root: Path) -> str:
    """Check all studies; return what the user has to know: a line, and what is left of studies that are gone.

    Raises
    ------
    ConfigurationError, DataError
        At the first thing that is wrong.
    """
    params = Workspace(root, "").params
    load_seed(params)
    studies = load_studies(params)
    names = [study.name for study in studies]
    for name in names:
        check_files(root, name, names)
    left = "".join(f"\n{line}" for line in _left_over(root, names))
    if not studies:
        return NO_STUDY + left
    for study in studies:
        check_source(study.source, study=study.name)
        read_policy(study)
        check_families(study)
        source_kinds(study.installed)
        workspace = Workspace(root, study.name)
        read_suite(workspace.suite, study=study.name)
        read_champion(workspace.decided("champion.json"), study.name)
        _check_waivers(workspace)
        check_folder(study.source, root, study=study.name)
    are = "1 study is" if len(studies) == 1 else f"{len(studies)} studies are"
    return f"{are} well declared: {', '.join(names)}{left}"


def _left_over(root: Path, names: list[str]) -> Iterator[str]:
    left = left_over(root, names)
    if left:
        yield "Left of studies that params.yaml does not declare:"
        yield from (f"  {name}: {', '.join(paths)}" for name, paths in left.items())
        yield "`theragate remove-study NAME` removes it; `theragate rename-study NAME NEW` gives it to a study that was"
        yield "renamed in params.yaml by hand."


def _check_waivers(workspace: Workspace) -> None:
    path = workspace.decided("waivers.json")
    if not path.is_file():
        raise DataError(
            f"release/{workspace.study}/waivers.json",
            rule="every study has a file of waivers",
            received="no such file",
            remedy=f'Write {{"study": "{workspace.study}", "waivers": []}} into it, and commit it.',
        )
    read_waivers(path, workspace.study)
