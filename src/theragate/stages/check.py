"""What can be known to be wrong before anything runs: every study, its gates, its suite, its model families."""

from pathlib import Path

from theragate.gates import read_policy
from theragate.learning.families import check_families
from theragate.stages.workspace import Workspace
from theragate.study import load_seed, load_studies
from theragate.validation.suites import read_suite

__all__ = ["check"]


def check(root: Path) -> str:
    """Check all studies; return one line for the user.

    Raises
    ------
    ConfigurationError
        At the first thing that is wrong.
    """
    params = Workspace(root, "").params
    load_seed(params)
    studies = load_studies(params)
    for study in studies:
        read_policy(study)
        check_families(study)
        read_suite(Workspace(root, study.name).suite, study=study.name)
    return f"{len(studies)} studies are well declared: {', '.join(study.name for study in studies)}"
