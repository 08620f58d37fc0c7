"""Whom and what a deployment trusts: keys with their roles, release managers, policies, protected aliases."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from theragate.errors import ConfigurationError
from theragate.extensions import NAMED
from theragate.files import read_json, write_json
from theragate.gates import read_policy
from theragate.release.keys import DEVELOPMENT_KEY, VerifyingKey, development_key, read_key
from theragate.release.names import same_alias, skeleton
from theragate.release.waivers import Digest
from theragate.settings import Settings
from theragate.study import Name, Spec, load_studies, spec_of

__all__ = [
    "SIGN_IN_NAME",
    "Holder",
    "Role",
    "Trust",
    "TrustedKey",
    "deployed_trust",
    "development_trust",
    "own_key",
    "present_trust",
    "project_trust",
    "read_trust",
    "trust_path",
    "write_trust",
]

Role = Literal["evaluator", "ledger"]

_REMEDY = "Correct it; see docs/keys.md."

SIGN_IN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._%+@-]{0,199}$"  # ASCII: MLflow's sign-in reads no other
SignInName = Annotated[str, StringConstraints(pattern=SIGN_IN_NAME)]
Alias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}$")]
Scope = Annotated[tuple[Name, ...], Field(min_length=1)] | None


def _public(text: str) -> str:
    VerifyingKey.of(text)
    return text


class Holder(Spec):
    """Somebody with a right: a sign-in name, for all studies or for those of ``studies`` only.

    In a trust file, a name alone stands for one with all studies.
    """

    model_config = ConfigDict(strict=True)

    name: SignInName
    studies: Scope = None

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return self.name if self.studies is None else handler(self)

    def covers(self, study: str) -> bool:
        """Return whether the right is about `study`."""
        return self.studies is None or study in self.studies


def _holder(value: Any) -> Any:
    if isinstance(value, dict):  # what comes before validation has read the file's lists as lists
        return {key: tuple(entry) if isinstance(entry, list) else entry for key, entry in value.items()}
    return {"name": value} if isinstance(value, str) else value


Holders = tuple[Annotated[Holder, BeforeValidator(_holder)], ...]


class TrustedKey(Spec):
    """A public key and its roles; from the day ``revoked`` (UTC) on, nothing that it signs counts.

    ``studies`` limits what an evaluator's key may attest; the ledger's rows are about all studies.
    """

    model_config = ConfigDict(strict=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]
    public: Annotated[str, AfterValidator(_public)]
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    revoked: date | None = None
    studies: Scope = None

    @model_validator(mode="after")
    def _limited_where_it_can_be(self) -> Self:
        if self.studies is not None and "ledger" in self.roles:
            raise ValueError("only a key with the role `evaluator` alone is limited to studies")
        return self

    @model_serializer(mode="wrap")
    def _without_a_limit(self, handler: SerializerFunctionWrapHandler) -> Any:
        fields = handler(self)
        return {key: value for key, value in fields.items() if key != "studies" or value is not None}

    def covers(self, study: str) -> bool:
        """Return whether what the key attests about `study` counts."""
        return self.studies is None or study in self.studies

    @cached_property
    def key(self) -> VerifyingKey:
        """The key itself."""
        return VerifyingKey.of(self.public)


class Trust(Spec):
    """The content of ``release/trust.json``.

    ``release_managers`` approve, promote, roll back, revoke and withdraw; ``readers`` may read the full evidence, as
    release managers may.
    ``policies`` are the digests of the policies that count for each study; ``extensions`` those of packages of others,
    by name, that are imported to judge by them, and no other is. ``most_days`` is the longest validity of an
    attestation that is accepted. ``development`` is never in a file: see `development_trust`.
    """

    model_config = ConfigDict(strict=True)

    keys: tuple[TrustedKey, ...] = ()
    release_managers: Holders = ()
    readers: Holders = ()
    policies: dict[Name, tuple[Digest, ...]] = Field(default={})
    extensions: dict[Annotated[str, StringConstraints(pattern=NAMED)], tuple[Digest, ...]] = Field(default={})
    protected_aliases: Annotated[tuple[Alias, ...], Field(min_length=1)] = ("champion",)
    most_days: Annotated[int, Field(ge=1, le=366)] = 90
    development: Annotated[bool, Field(exclude=True)] = False

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        if _alike(entry.name for entry in self.keys):
            raise ValueError("each key has its own name")
        if len({entry.public for entry in self.keys}) < len(self.keys):
            raise ValueError("each key is listed once, with all its roles")
        for key, holders in (("release managers", self.release_managers), ("readers", self.readers)):
            if _alike(entry.name for entry in holders):
                raise ValueError(f"the {key} are listed once each, under names that nobody takes for one another")
        if not all(skeleton(alias) for alias in self.protected_aliases):
            raise ValueError("a protected alias has a name")
        return self

    def of_role(self, role: Role) -> tuple[TrustedKey, ...]:
        """Return the keys with a role, including revoked ones."""
        return tuple(entry for entry in self.keys if role in entry.roles)

    def evaluators(self, today: date, study: str | None = None) -> tuple[VerifyingKey, ...]:
        """Return the keys whose attestations count on the day `today` (UTC): about `study`, or None about any."""
        return tuple(
            entry.key
            for entry in self.of_role("evaluator")
            if (study is None or entry.covers(study)) and (entry.revoked is None or today < entry.revoked)
        )

    def protects(self, alias: str) -> bool:
        """Return whether `alias` is a spelling of a protected alias."""
        return same_alias(alias, self.protected_aliases)

    def is_manager(self, person: str, study: str) -> bool:
        """Return whether `person`, a sign-in name, is a release manager of `study`; in development, everybody is.

        Names that grant a right are compared exactly: whoever can create a user `BOB` does not become `Bob`.
        """
        return self.development or _holds(self.release_managers, person, study)

    def may_read(self, person: str, study: str | None) -> bool:
        """Return whether `person` may read the full evidence of `study`: a release manager of it, or a reader.

        None asks whether it may be read where nobody knows which study it is of: by those of all studies only.
        """
        holders = (*self.release_managers, *self.readers)
        if study is None:
            return self.development or any(entry.name == person and entry.studies is None for entry in holders)
        return self.development or _holds(holders, person, study)

    @property
    def listed_people(self) -> tuple[str, ...]:
        """The sign-in names that have a right here."""
        return tuple(dict.fromkeys(entry.name for entry in (*self.release_managers, *self.readers)))

    def key_name(self, key_id: str) -> str:
        """Return the name of a key; its first digits where the trust file has none."""
        names = {entry.key.key_id: entry.name for entry in self.keys}
        return names.get(key_id, f"key {key_id[:12]}")


def _holds(holders: Iterable[Holder], person: str, study: str) -> bool:
    return any(entry.name == person and entry.covers(study) for entry in holders)


def _alike(names: Iterable[str]) -> bool:
    known = [skeleton(name) for name in names]
    return len(set(known)) < len(known)


def development_trust(
    public: VerifyingKey,
    policies: Mapping[str, tuple[str, ...]],
    extensions: Mapping[str, tuple[str, ...]] | None = None,
) -> Trust:
    """Return the trust without a trust file: this machine's own key, everybody, `policies` and `extensions`."""
    entry = TrustedKey(name="development", public=public.base64, roles=frozenset({"evaluator", "ledger"}))
    return Trust(keys=(entry,), policies=dict(policies), extensions=dict(extensions or {}), development=True)


def project_trust(root: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return what the studies of ``params.yaml`` below `root` are judged by; nothing where there is no such file.

    Returns
    -------
    ``policies``: of each study the digest of its policy. ``extensions``: of each extension that a study names the
    digest, as it is installed.

    Raises
    ------
    ConfigurationError
        If ``params.yaml`` is invalid, or an extension cannot be used.
    """
    path = root / "params.yaml"
    policies = [read_policy(study) for study in load_studies(path)] if path.is_file() else []
    return {
        "policies": {policy.declared.study: (policy.sha256,) for policy in policies},
        "extensions": {
            name: (said.sha256,) for policy in policies for name, said in policy.declared.extensions.items()
        },
    }


def trust_path(environ: Mapping[str, str], home: Path) -> Path | None:
    """Return the trust file: that of ``THERAGATE_TRUST``, or the project's; None where there is neither.

    A missing file that the variable names is returned all the same, so that reading it fails.
    """
    named = environ.get("THERAGATE_TRUST")
    if named:
        return Path(named)
    own = home / "release" / "trust.json"
    return own if own.exists() or own.is_symlink() else None


def read_trust(path: Path, *, development: VerifyingKey | None) -> Trust:
    """Read a trust file.

    Parameters
    ----------
    development
        This machine's development key, where it has one: a trust file must not list it.

    Raises
    ------
    ConfigurationError
        If the file has another form, or trusts the development key; the first wrong entry is named.
    DataError
        If it is missing, cannot be read or is not JSON.
    """
    raw = read_json(path, remedy="Restore it, or unset THERAGATE_TRUST.")
    if isinstance(raw, dict) and "development" in raw:
        raise _wrong(path, "it has no entry `development`", "an entry `development`")
    trust = spec_of(Trust, raw, subject=_named(path), remedy=_REMEDY, error=ConfigurationError, private=True)
    if development is not None and any(entry.key == development for entry in trust.keys):
        raise _wrong(path, "it never trusts a development key", f"that of this machine, {development.key_id[:12]}")
    return trust


def own_key(settings: Settings) -> VerifyingKey | None:
    """Return this machine's development key; None where there is none yet.

    Raises
    ------
    ConfigurationError
        If it cannot be used.
    """
    path = settings.private / DEVELOPMENT_KEY
    return read_key(str(path), named="the development key").public if path.exists() else None


def deployed_trust(settings: Settings, environ: Mapping[str, str]) -> Trust | None:
    """Return the trust of the deployment; None where there is no trust file.

    Raises
    ------
    ConfigurationError, DataError
        If the trust file cannot be used, or trusts this machine's development key.
    """
    path = trust_path(environ, settings.home)
    return None if path is None else read_trust(path, development=own_key(settings))


def present_trust(settings: Settings, environ: Mapping[str, str]) -> Trust:
    """Return the trust of the trust file, or without one that of the development key, made on first use.

    Raises
    ------
    ConfigurationError, DataError
        If the trust file is missing or invalid, or ``params.yaml`` or the development key cannot be used.
    """
    deployed = deployed_trust(settings, environ)
    if deployed is not None:
        return deployed
    key, _ = development_key(settings.private)
    return development_trust(key.public, **project_trust(settings.home))


def write_trust(path: Path, trust: Trust) -> None:
    """Write a trust file; the same trust gives the same bytes.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    empty = {name for name in ("extensions", "readers") if not getattr(trust, name)}
    document = trust.model_dump(mode="json", exclude=empty)
    for entry in document["keys"]:
        entry["roles"] = sorted(entry["roles"])
    write_json(path, document)


def _named(path: Path) -> str:
    return f"trust file `{path.name}`"


def _wrong(path: Path, rule: str, received: str) -> ConfigurationError:
    return ConfigurationError(_named(path), rule=rule, received=received, remedy=_REMEDY)
