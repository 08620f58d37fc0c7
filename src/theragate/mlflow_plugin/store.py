"""The guarded registry: MLflow's own store, in which only evidence moves `champion`."""

from collections.abc import Sequence
from typing import Any, TypeVar

from mlflow.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModel, RegisteredModelTag
from mlflow.entities.model_registry.model_version_stages import get_canonical_stage
from mlflow.exceptions import MlflowException
from mlflow.prompt.registry_utils import handle_resource_already_exist_error, has_prompt_tag
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.orm import Session

from theragate.errors import TheragateError
from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.dossiers import Dossiers
from theragate.mlflow_plugin.errors import refusal, translated_errors
from theragate.mlflow_plugin.identity import present_actor
from theragate.mlflow_plugin.methods import check_methods
from theragate.mlflow_plugin.names import (
    APPROVE,
    ATTESTATION,
    AUTHOR,
    CHAMPION,
    REVOKE,
    SIGNER,
    hides,
    is_action,
    is_of_a_claim,
    is_reserved,
    is_written_by_server,
)
from theragate.mlflow_plugin.originals import check_place
from theragate.mlflow_plugin.presentation import Presentation, model_text, unattested_text
from theragate.mlflow_plugin.refusals import (
    check_alias,
    check_letters,
    check_model_tag,
    check_other_model,
    check_printable,
    check_version_tag,
    does_not_count,
    keeps_name,
    states_what_was_signed,
)
from theragate.mlflow_plugin.registrations import Registrations
from theragate.mlflow_plugin.releases import Releases
from theragate.mlflow_plugin.tables import (
    create_tables,
    is_mentioned,
    mentioned,
    registered_models,
    rows_after,
    was_in_service,
)
from theragate.mlflow_plugin.transactions import Transactions

__all__ = ["GatedStore", "database_url"]

_SCHEME = "gated+"
T = TypeVar("T", ModelVersionTag, RegisteredModelTag)


def database_url(store_uri: str) -> str:
    """Return the URL of the database behind that of a guarded store."""
    return store_uri.removeprefix(_SCHEME)


class GatedStore(SqlAlchemyStore):
    """The registry at ``gated+sqlite:///…`` or ``gated+postgresql://…``.

    Every write that can change what is in service, or what a release rests on, is decided here: UI, REST and client all
    end in these methods. Administrators need evidence like everybody else.

    Raises
    ------
    MlflowException
        From the constructor, if this version of MLflow has an unclassified method; from the methods, with the code
        PERMISSION_DENIED and a sentence for people, if the request is refused.
    """

    def __init__(
        self,
        store_uri: str,
        tracking_uri: str | None = None,  # noqa: ARG002 - MLflow passes it
        *,
        configuration: Configuration,
    ) -> None:
        check_methods(type(self))
        super().__init__(database_url(store_uri))
        self._transactions = Transactions(self.ManagedSessionMaker)
        self.ManagedSessionMaker = self._transactions.session
        with translated_errors():
            create_tables(self.engine)
        self._configuration = configuration
        self._registrations = Registrations(self._transactions, configuration)
        self._dossiers = Dossiers(self._transactions, configuration, self._registrations)
        self._releases = Releases(
            self._transactions, self._dossiers, self._registrations, configuration, database=self.db_uri
        )

    # Aliases

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Set an alias; the protected one promotes a version, or rolls back to one."""
        with translated_errors():
            if not self._configuration.protects(alias):
                check_letters(alias)
                super().set_registered_model_alias(name, alias, version)
                return
            check_alias(alias)
            files = self.get_model_version_download_uri(name, version)
            with self._releases.promotion(self.get_model_version(name, version), files=files):
                super().set_registered_model_alias(name, alias, version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Delete an alias; deleting the protected one withdraws the champion."""
        with translated_errors():
            if not self._configuration.protects(alias):
                super().delete_registered_model_alias(name, alias)
                return
            check_alias(alias)
            with self._releases.withdrawal(name, reason="The alias was deleted."):
                super().delete_registered_model_alias(name, alias)

    # Versions

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: list[ModelVersionTag] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Create a version; its author is the person who acts, and tags that only the server writes are dropped.

        Nothing is attested that is not there yet: an attestation is handed in afterwards.
        """
        person = present_actor(self._configuration.environ)
        is_prompt = has_prompt_tag(self.get_registered_model(name)._tags)
        kept = [tag for tag in _free_tags(tags) if not _is_dropped(tag.key, is_prompt=is_prompt)]
        if not is_prompt:
            kept.append(ModelVersionTag(AUTHOR, person.name))
            description = unattested_text(description)
        with translated_errors(), self._transactions.together() as session:
            made = super().create_model_version(
                name, source, run_id, kept, run_link, description, local_model_path, model_id=model_id
            )
            location = self.get_model_version_download_uri(name, made.version)
            check_place(location, self._configuration.environ)
            self._registrations.record(session, made, location=location, person=person)
        self._registrations.fingerprint(made, location=location)
        return made

    def update_model_version(self, name: str, version: str, description: str | None = None) -> ModelVersion:
        """Change the description, unless the version is attested: the registry then has written it."""
        with translated_errors(), self._transactions.decision():
            self._check_not_released(name, version, "its description stays as it is")
            about = self.get_model_version(name, version)
            if SIGNER in about.tags:
                raise states_what_was_signed(about, "description")
            text = description if AUTHOR not in about.tags else unattested_text(description)
            return super().update_model_version(name, version, text)

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, archive_existing_versions: bool
    ) -> ModelVersion:
        """Change the stage; `Production` is refused, because it is another name for what is in service."""
        with translated_errors():
            if get_canonical_stage(stage) == "Production":
                raise refusal(
                    f"`{name}` version {version}",
                    rule="what is in service has the alias `champion`",
                    received="a transition to the stage Production",
                    remedy="Set the alias `champion` instead.",
                )
            return super().transition_model_version_stage(name, version, stage, archive_existing_versions)

    def delete_model_version(self, name: str, version: str) -> None:
        """Delete a version that was never champion."""
        with translated_errors(), self._transactions.decision():
            self._check_not_released(name, version, "the ledger refers to it")
            super().delete_model_version(name, version)

    # Registered models

    def create_registered_model(
        self,
        name: str,
        tags: list[RegisteredModelTag] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Create a model; a name that the ledger mentions, or that looks like another's, is given to none.

        Reserved tags are dropped, as the rules of a database demand: a statement about a release is about one version.
        """
        kept = [tag for tag in _free_tags(tags) if not is_reserved(tag.key)]
        is_prompt = has_prompt_tag({tag.key: tag.value for tag in kept})
        with translated_errors(), self._transactions.decision() as session:
            if self._exists(name):
                # MLflow would find out by a row that the database refuses, after which this session reads nothing.
                known = has_prompt_tag(self.get_registered_model(name)._tags)
                handle_resource_already_exist_error(name, known, is_prompt)
            if is_mentioned(session, name):
                raise keeps_name(name, "a new model of that name")
            self._check_new_name(session, name)
            if not is_prompt:
                description = model_text(description)
            return super().create_registered_model(name, kept, description, deployment_job_id)

    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Change the description, under a line that says that nobody has signed it."""
        if not has_prompt_tag(self.get_registered_model(name)._tags):
            description = model_text(description)
        return super().update_registered_model(name, description, deployment_job_id)

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Rename a model, unless the ledger mentions the old or the new name, or the new one looks like another's."""
        with translated_errors(), self._transactions.decision() as session:
            self._check_not_mentioned(name, "a new name for it")
            self._check_not_mentioned(new_name, f"that name for the model `{name}`")
            self._check_new_name(session, new_name, instead_of=name)
            return super().rename_registered_model(name, new_name)

    def delete_registered_model(self, name: str) -> None:
        """Delete a model that the ledger does not mention."""
        with translated_errors(), self._transactions.decision():
            self._check_not_mentioned(name, "its deletion")
            super().delete_registered_model(name)

    # Tags

    def set_model_version_tag(self, name: str, version: str, tag: ModelVersionTag) -> None:
        """Set a tag; an action tag is carried out and not stored."""
        with translated_errors():
            if is_action(tag.key):
                self._act(name, version, tag)
                return
            check_version_tag(tag.key)
            if tag.key == ATTESTATION:
                # Its files are there by now, and may not have been when it was registered.
                location = self.get_model_version_download_uri(name, version)
                self._registrations.fingerprint(self.get_model_version(name, version), location=location)
                self._attach(name, version, tag)
                return
            check_printable("tag", tag.key)
            if not is_reserved(tag.key):
                super().set_model_version_tag(name, version, tag)
                return
            with self._transactions.decision():
                if not self._has(name, version, tag):
                    self._check_own(name, version, tag.key)
                super().set_model_version_tag(name, version, tag)

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """Delete a tag, unless only the server writes it, or it states something about an attested version."""
        with translated_errors():
            check_version_tag(key)
            if not is_reserved(key):
                super().delete_model_version_tag(name, version, key)
                return
            with self._transactions.decision():
                self._check_own(name, version, key)
                super().delete_model_version_tag(name, version, key)

    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        """Set a tag that is not reserved."""
        with translated_errors():
            check_model_tag(name, tag.key)
            check_printable("tag", tag.key)
            super().set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag that is not reserved."""
        with translated_errors():
            check_model_tag(name, key)
            super().delete_registered_model_tag(name, key)

    # Beyond MLflow's store

    def put_dossier(self, content: bytes, *, named: str | None = None) -> str:
        """Keep a dossier, which is judged again for a release; return its SHA-256.

        `named` is the SHA-256 that the sender expects.
        """
        with translated_errors():
            return self._dossiers.put(content, named=named)

    def get_dossier(self, sha256: str) -> bytes:
        """Return a dossier, to a release manager or an evaluator."""
        with translated_errors():
            return self._dossiers.get(sha256)

    def ledger_rows(self, after: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the ledger's rows after number `after`, all or `limit` of them, as JSON, unverified."""
        with translated_errors(), self._transactions.session() as session:
            return [row.model_dump(mode="json") for row in rows_after(session, after, limit)]

    def _act(self, name: str, version: str, tag: ModelVersionTag) -> None:
        about = self.get_model_version(name, version)
        if tag.key == APPROVE:
            self._releases.approve(about, tag.value)
        elif tag.key == REVOKE:
            with self._releases.revocation(about, reason=tag.value) as ends_service:
                if ends_service:
                    super().delete_registered_model_alias(name, CHAMPION)
        else:
            with self._releases.withdrawal(name, reason=tag.value, version=str(version)):
                super().delete_registered_model_alias(name, CHAMPION)

    def _attach(self, name: str, version: str, tag: ModelVersionTag) -> None:
        """Keep an attestation; let the version say what was signed if it counts, and otherwise that it does not."""
        found: Presentation | None = None
        version_before = self.get_model_version(name, version)
        if SIGNER in version_before.tags and version_before.tags.get(ATTESTATION) == tag.value:
            return
        try:
            files = self.get_model_version_download_uri(name, version)
            found, why = self._releases.examined(version_before, tag.value, files=files), ""
        except TheragateError as error:
            why = str(error)
        with self._transactions.decision():
            self._check_not_released(name, version, f"its tag `{tag.key}` stays as it is")
            about = self.get_model_version(name, version)
            if found is None and SIGNER in about.tags:
                raise does_not_count(about, why)
            super().set_model_version_tag(name, version, tag)
            if found is None:
                super().update_model_version(name, version, unattested_text(about.description, why=why))
                return
            for key in filter(is_of_a_claim, set(about.tags) - set(found.tags)):
                super().delete_model_version_tag(name, version, key)
            for key, value in found.tags.items():
                super().set_model_version_tag(name, version, ModelVersionTag(key, value))
            super().update_model_version(name, version, found.description)

    def _check_own(self, name: str, version: str, key: str) -> None:
        """Refuse a change to a reserved tag of a version that is attested, or that is or was in service."""
        self._check_not_released(name, version, f"its tag `{key}` stays as it is")
        about = self.get_model_version(name, version)
        if SIGNER in about.tags:
            raise states_what_was_signed(about, f"tag `{key}`")

    def _has(self, name: str, version: str, tag: ModelVersionTag) -> bool:
        return bool(self.get_model_version(name, version).tags.get(tag.key) == tag.value)

    def _check_new_name(self, session: Session, name: str, *, instead_of: str = "") -> None:
        check_printable("the model", name)
        check_other_model(name, ({*registered_models(session)} | {*mentioned(session)}) - {instead_of})

    def _exists(self, name: str) -> bool:
        try:
            self.get_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        return True

    def _check_not_released(self, name: str, version: str, why: str) -> None:
        number = int(self.get_model_version(name, version).version)
        with self._transactions.session() as session:
            if was_in_service(session, name, number):
                raise refusal(
                    f"`{name}` version {version}",
                    rule=f"a version that is or was champion is kept: {why}",
                    received="a change to it",
                    remedy="Register a new version; to take this one out of service, withdraw or revoke it.",
                )

    def _check_not_mentioned(self, name: str, received: str) -> None:
        with self._transactions.session() as session:
            if is_mentioned(session, name):
                raise keeps_name(name, received)


def _is_dropped(key: str, *, is_prompt: bool) -> bool:
    """Return whether a new version does not keep a tag that it comes with."""
    return is_action(key) or is_written_by_server(key) or key == ATTESTATION or (hides(key) and not is_prompt)


def _free_tags(tags: Sequence[T] | None) -> list[T]:
    """Return tags that may come with a new model or version: those that only the server writes are dropped."""
    kept = [tag for tag in tags or [] if not (is_action(tag.key) or is_written_by_server(tag.key))]
    with translated_errors():
        for tag in kept:
            check_printable("tag", tag.key)
    return kept
