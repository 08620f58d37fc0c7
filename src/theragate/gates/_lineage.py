"""TG011: what is released can be made again."""

from typing import ClassVar

from theragate.gates._conditions import Condition, ReleaseFacts
from theragate.gates.types import Finding, Severity
from theragate.gates.words import capital, listing, plural

__all__ = ["Lineage"]

SHOWN = 5


class Lineage(Condition):
    """A commit holds everything, ``dvc.lock`` names the files as they are, and the environment is the locked one."""

    code: ClassVar[str] = "TG011"
    name: ClassVar[str] = "lineage"
    title: ClassVar[str] = "A model that can be made again"
    severity: ClassVar[Severity] = "major"
    protects: ClassVar[str] = "Against a model that nobody can make again, examine or correct."

    def judge(self, facts: ReleaseFacts) -> Finding:
        """Fail where one of the three is not so; each has its own remedy."""
        breaches = [*_commit(facts), *_lock(facts), *_environment(facts)]
        if not breaches:
            return self.finding(
                "pass",
                f"Commit {str(facts.commit)[:12]} holds every file, dvc.lock names the results as they are, and the "
                f"packages are those of requirements.lock (environment {facts.environment_sha256[:12]}).",
            )
        return self.finding(
            "fail",
            f"{capital('; '.join(cause for cause, _ in breaches))}.",
            next_step=" ".join(remedy for _, remedy in breaches),
        )


def _commit(facts: ReleaseFacts) -> list[tuple[str, str]]:
    if facts.commit is None:
        return [("the project has no commit in git", "Commit the project with git.")]
    if not facts.clean:
        return [(f"files differ from commit {facts.commit[:12]} or are not in it", "Commit them, or put them away.")]
    return []


def _lock(facts: ReleaseFacts) -> list[tuple[str, str]]:
    if facts.lock_agrees:
        return []
    return [
        (f"the files are not those of dvc.lock: {_shortened(facts.unlocked)}", "Run `dvc repro`, and commit dvc.lock.")
    ]


def _environment(facts: ReleaseFacts) -> list[tuple[str, str]]:
    parts = []
    if facts.missing:
        parts.append(f"{_shortened(facts.missing)} of requirements.lock not installed")
    if facts.others:
        parts.append(f"{_shortened(facts.others)} in another version than requirements.lock names")
    if not parts:
        return []
    remedy = "Make the environment of requirements.lock anew, and run `dvc repro` in it."
    return [(f"the environment has {listing(parts)}", remedy)]


def _shortened(names: tuple[str, ...]) -> str:
    if len(names) <= SHOWN:
        return listing(list(names))
    return listing([*names[: SHOWN - 1], plural(len(names) - SHOWN + 1, "other")])
