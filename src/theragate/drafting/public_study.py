"""A public study that comes with Theragate, added to a project: its entry, its suite, its files."""

from pathlib import Path

from ruamel.yaml import YAML

from theragate.drafting.insert import with_lines
from theragate.errors import ConfigurationError
from theragate.files import write_text
from theragate.project.templates import example_lines, policy_lines, template
from theragate.release.champion import write_champion
from theragate.release.waivers import write_waivers
from theragate.runner.workspace import Workspace
from theragate.study import read_parameters, study_names

__all__ = ["add_public_study", "check_public_study"]


def check_public_study(root: Path, name: str) -> None:
    """Refuse a study that does not come with Theragate, or whose name is taken.

    Raises
    ------
    ConfigurationError
        That names what is in the way.
    """
    example_lines(name)
    workspace = Workspace(root, name)
    taken = [workspace.suite, workspace.decided("champion.json"), workspace.decided("waivers.json")]
    there = [str(path.relative_to(root)) for path in taken if path.exists()]
    if workspace.params.exists() and name in study_names(workspace.params):
        there.insert(0, "in params.yaml")
    if there:
        raise ConfigurationError(
            f"example `{name}`",
            rule="a study is added where none has its name",
            received=f"one that is there ({there[0]})",
            remedy="Keep it, or remove it first.",
        )


def add_public_study(root: Path, name: str) -> None:
    """Add the study, and its policy where the project has none of that name; a policy that is there stays as it is.

    ``params.yaml`` comes last, so that an interrupted command leaves no study behind.

    Raises
    ------
    ConfigurationError
        If the name is none or is taken, or ``params.yaml`` is wrong.
    """
    check_public_study(root, name)
    workspace = Workspace(root, name)
    text = _with_its_policy(workspace, name)
    suite, readme = f"expectations/{name}.json", f"sources/{name}/README.md"
    write_text(root / suite, template(suite))
    write_text(root / readme, template(readme))
    write_champion(workspace.decided("champion.json"), name, None)
    write_waivers(workspace.decided("waivers.json"), name, ())
    write_text(workspace.params, text)


def _with_its_policy(workspace: Workspace, name: str) -> str:
    """Return the text of ``params.yaml`` with the study in it, and with the policy that it names."""
    policies = read_parameters(workspace.params).get("policies")
    if not isinstance(policies, dict):
        raise ConfigurationError(
            "params.yaml",
            rule="the limits of a public study stand in part in `policies:`",
            received="a file without that key",
            remedy="Begin a project of its own for the example: `theragate init FOLDER --example STUDY`.",
        )
    text, lines = workspace.params.read_text(encoding="utf-8"), example_lines(name)
    policy = str(YAML(typ="safe").load("\n".join(lines))[name]["policy"])
    if policy not in policies:
        text = with_lines(text, policy, policy_lines(policy), key="policies")
    return with_lines(text, name, lines, key="studies")
