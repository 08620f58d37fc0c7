"""The champion that a challenger is compared with: a small file that git tracks and a reviewer can read."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, StringConstraints

from theragate.digests import sha256_json
from theragate.errors import ConfigurationError
from theragate.files import write_json
from theragate.study import Name, Spec, read_spec

__all__ = ["ChampionFile", "ChampionRecipe", "read_champion", "write_champion"]

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1)]


class ChampionRecipe(Spec):
    """A released model: its version, what it rests on, and the recipe by which it is refitted.

    ``version`` is its number in the registry; the digests are those of the estimator's directory, the cohort and the
    held-out predictions. ``features`` are the columns that it has learned from, in their order.
    """

    version: Text
    model_sha256: Digest
    cohort_sha256: Digest
    predictions_sha256: Digest
    family: Text
    params: dict[Text, PositiveInt | PositiveFloat]
    features: Annotated[tuple[Text, ...], Field(min_length=1)]

    def recipe_sha256(self, study: str) -> str:
        """Return the digest of the recipe without the version, which the model's own attestation signs."""
        return sha256_json({"study": study, **self.model_dump(mode="json", exclude={"version"})})


class ChampionFile(Spec):
    """The content of ``release/<study>/champion.json``; ``champion`` is null before the first release."""

    study: Name
    champion: ChampionRecipe | None


def read_champion(path: Path, study: str) -> ChampionRecipe | None:
    """Read the champion that a challenger must beat; None before the first release.

    Raises
    ------
    DataError
        If the file is missing or not JSON. A missing file does not mean that there is no champion: the file must
        say so.
    ConfigurationError
        If it has another form, or is about another study.
    """
    subject = "/".join(path.parts[-3:])
    remedy = f"Run `theragate champion {study}`, and commit the file."
    file = read_spec(ChampionFile, path, subject=subject, remedy=remedy, error=ConfigurationError)
    if file.study != study:
        raise ConfigurationError(
            f"{subject}, key `study`",
            rule=f"the file is about the study `{study}`",
            received=f"`{file.study}`",
            remedy=remedy,
        )
    return file.champion


def write_champion(path: Path, study: str, champion: ChampionRecipe | None) -> None:
    """Write the champion that a challenger must beat; the same champion always gives the same bytes.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    write_json(path, ChampionFile(study=study, champion=champion).model_dump(mode="json"))
