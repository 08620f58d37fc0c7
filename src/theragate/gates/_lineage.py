"""TG011: what is released can be reproduced."""

from typing import ClassVar

from theragate.gates._conditions import Condition, ReleaseFacts
from theragate.gates.types import Finding, Severity
from theragate.gates.words import capital, listing
from theragate.numbers import plural

__all__ = ["Lineage"]

SHOWN = 5


class Lineage(Condition):
    """A commit holds everything, ``dvc.lock`` names the files as they are, and the environment is the locked one."""

    code: ClassVar[str] = "TG011"
    name: ClassVar[str] = "lineage"
    title: ClassVar[str] = "A model that can be made again"
    severity: ClassVar[Severity] = "major"
    protects: ClassVar[str] = "Against a model that nobody can reproduce, examine or correct."

    def judge(self, facts: ReleaseFacts) -> Finding:
        """Fail where one of the three does not hold; each has its own remedy."""
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
        return [(f"files differ from commit {facts.commit[:12]} or are not in it", "Commit them, or stash them.")]
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
        parts.append(f"lacks {_shortened(facts.missing)} of requirements.lock")
    if facts.others:
        parts.append(f"has {_shortened(facts.others)} in versions that requirements.lock does not name")
    if not parts:
        return []
    remedy = "Create the environment of requirements.lock again, and run `dvc repro` in it."
    return [(f"the environment {listing(parts)}", remedy)]


def _shortened(names: tuple[str, ...]) -> str:
    if len(names) <= SHOWN:
        return listing(list(names))
    return listing([*names[: SHOWN - 1], plural(len(names) - SHOWN + 1, "other")])
