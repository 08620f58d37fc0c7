"""The guarded registry: MLflow's own store, in which nothing moves `champion` but evidence."""

from typing import Any

from mlflow.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModel, RegisteredModelTag
from mlflow.entities.model_registry.model_version_stages import get_canonical_stage
from mlflow.exceptions import MlflowException
from mlflow.prompt.registry_utils import has_prompt_tag
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.dossiers import Dossiers
from theragate.mlflow_plugin.errors import refusal, translated_errors
from theragate.mlflow_plugin.identity import present_actor
from theragate.mlflow_plugin.methods import check_methods
from theragate.mlflow_plugin.names import (
    APPROVE,
    AUTHOR,
    CHAMPION,
    REVOKE,
    hides,
    is_action,
    is_reserved,
    is_written_by_server,
)
from theragate.mlflow_plugin.releases import Releases
from theragate.mlflow_plugin.tables import create_tables, rows_after, was_in_service, was_seen
from theragate.mlflow_plugin.transactions import Transactions

__all__ = ["GatedStore", "database_url"]

_SCHEME = "gated+"


def database_url(store_uri: str) -> str:
    """Return the database behind the address of a guarded store."""
    return store_uri.removeprefix(_SCHEME)


class GatedStore(SqlAlchemyStore):
    """The registry at ``gated+sqlite:///…`` or ``gated+postgresql://…``.

    Every write that can change what is in service, or what a release rests on, is decided here, whoever asks and by
    whichever road: UI, REST and client all end in these methods. Administrators are asked for evidence like everybody.

    Raises
    ------
    MlflowException
        From the constructor, if this version of MLflow has a method that nobody has classified; from the methods,
        with the code PERMISSION_DENIED and a sentence for people, if what was asked for is refused.
    """

    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:  # noqa: ARG002 - MLflow passes it
        check_methods(type(self))
        super().__init__(database_url(store_uri))
        self._transactions = Transactions(self.ManagedSessionMaker)
        self.ManagedSessionMaker = self._transactions.session
        with translated_errors():
            create_tables(self.engine)
        self._dossiers = Dossiers(self._transactions)
        self._releases = Releases(self._transactions, self._dossiers, database=self.db_uri)

    # Aliases

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Set an alias; the protected one promotes a version, or rolls back to one."""
        with translated_errors():
            if not Configuration.now().protects(alias):
                super().set_registered_model_alias(name, alias, version)
                return
            _check_spelling(alias)
            address = self.get_model_version_download_uri(name, version)
            with self._releases.promotion(self.get_model_version(name, version), address=address):
                super().set_registered_model_alias(name, alias, version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Delete an alias; deleting the protected one withdraws the champion."""
        with translated_errors():
            if not Configuration.now().protects(alias):
                super().delete_registered_model_alias(name, alias)
                return
            _check_spelling(alias)
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
        """Create a version; its author is who has signed in, and tags that only the server writes are dropped."""
        kept = [tag for tag in tags or [] if not (is_action(tag.key) or is_written_by_server(tag.key))]
        if not has_prompt_tag({tag.key: tag.value for tag in kept}):
            kept.append(ModelVersionTag(AUTHOR, present_actor().name))
        return super().create_model_version(
            name, source, run_id, kept, run_link, description, local_model_path, model_id=model_id
        )

    def update_model_version(self, name: str, version: str, description: str | None = None) -> ModelVersion:
        """Change the description, unless people have released the version by what it says."""
        with translated_errors(), self._transactions.decision():
            self._check_not_released(name, version, "its description stays as it is")
            return super().update_model_version(name, version, description)

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, archive_existing_versions: bool
    ) -> ModelVersion:
        """Change the stage; `Production` is refused, because it is another word for what is in service."""
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
        """Delete a version that is not and never was champion."""
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
        """Create a model; a name under which models were released before is never used for another one."""
        with translated_errors():
            with self._transactions.session() as session:
                if was_seen(session, name) and not self._exists(name):
                    raise _ever_released(name, "a new model of that name")
            kept = [tag for tag in tags or [] if not (is_action(tag.key) or is_written_by_server(tag.key))]
            return super().create_registered_model(name, kept, description, deployment_job_id)

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Rename a model of which the ledger says nothing, to a name of which it says nothing."""
        with translated_errors(), self._transactions.decision():
            self._check_never_released(name, "a new name for it")
            self._check_never_released(new_name, "that name for another model")
            return super().rename_registered_model(name, new_name)

    def delete_registered_model(self, name: str) -> None:
        """Delete a model of which the ledger says nothing."""
        with translated_errors(), self._transactions.decision():
            self._check_never_released(name, "its deletion")
            super().delete_registered_model(name)

    # Tags

    def set_model_version_tag(self, name: str, version: str, tag: ModelVersionTag) -> None:
        """Set a tag; an action tag is carried out and not stored."""
        with translated_errors():
            if is_action(tag.key):
                self._act(name, version, tag)
                return
            _check_tag(tag.key)
            if not is_reserved(tag.key):
                super().set_model_version_tag(name, version, tag)
                return
            with self._transactions.decision():
                if not self._says(name, version, tag):
                    self._check_not_released(name, version, f"its tag `{tag.key}` stays as it is")
                super().set_model_version_tag(name, version, tag)

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """Delete a tag, unless it is one of the server's, or says something about a released version."""
        with translated_errors():
            _check_tag(key)
            if not is_reserved(key):
                super().delete_model_version_tag(name, version, key)
                return
            with self._transactions.decision():
                self._check_not_released(name, version, f"its tag `{key}` stays as it is")
                super().delete_model_version_tag(name, version, key)

    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        """Set a tag that is not reserved."""
        with translated_errors():
            _check_model_tag(name, tag.key)
            super().set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag that is not reserved."""
        with translated_errors():
            _check_model_tag(name, key)
            super().delete_registered_model_tag(name, key)

    # What MLflow's store does not have

    def put_dossier(self, content: bytes, *, named: str | None = None) -> str:
        """Keep the full evidence and the policy of a version, to be judged again; return the SHA-256 of `content`.

        `named` is the digest that the sender has computed.
        """
        with translated_errors():
            return self._dossiers.put(content, named=named)

    def get_dossier(self, sha256: str) -> bytes:
        """Return a dossier, to a release manager or an evaluator."""
        with translated_errors():
            return self._dossiers.get(sha256)

    def ledger_rows(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the ledger's rows after number `after`, as JSON; whoever reads them verifies them."""
        with translated_errors(), self._transactions.session() as session:
            return [row.model_dump(mode="json") for row in rows_after(session, after)]

    def _act(self, name: str, version: str, tag: ModelVersionTag) -> None:
        given = self.get_model_version(name, version)
        if tag.key == APPROVE:
            self._releases.approve(given, tag.value)
        elif tag.key == REVOKE:
            with self._releases.revocation(given, reason=tag.value) as leaves:
                if leaves:
                    super().delete_registered_model_alias(name, CHAMPION)
        else:
            with self._releases.withdrawal(name, reason=tag.value, version=str(version)):
                super().delete_registered_model_alias(name, CHAMPION)

    def _says(self, name: str, version: str, tag: ModelVersionTag) -> bool:
        return bool(self.get_model_version(name, version).tags.get(tag.key) == tag.value)

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
                    received="a change",
                    remedy="Register a new version; to take this one out of service, withdraw or revoke it.",
                )

    def _check_never_released(self, name: str, received: str) -> None:
        with self._transactions.session() as session:
            if was_seen(session, name):
                raise _ever_released(name, received)


def _check_spelling(alias: str) -> None:
    if alias != CHAMPION:
        raise refusal(
            f"alias `{alias.strip()}`",
            rule=f"what is in service has the alias `{CHAMPION}`, and no other name that could be taken for it",
            received="another spelling or another protected alias",
            remedy=f"Set the alias `{CHAMPION}`, or one that is not protected.",
        )


def _check_tag(key: str) -> None:
    _check_kind(key)
    if is_action(key) or is_written_by_server(key):
        raise refusal(
            f"tag `{key}`",
            rule="the server writes it by itself, about what people did",
            received="a value or a deletion by hand",
            remedy=f"Nothing needs to be done; to approve a version, set the tag `{APPROVE}`.",
        )


def _check_kind(key: str) -> None:
    if hides(key):
        raise refusal(
            f"tag `{key}`",
            rule="a model stays a model and a prompt stays a prompt, as it was made",
            received="a change of that",
            remedy="Make a new one of the other kind, under another name.",
        )


def _check_model_tag(name: str, key: str) -> None:
    _check_kind(key)
    if is_reserved(key):
        raise refusal(
            f"`{name}`, tag `{key}`",
            rule="what is said about a release is said about one version",
            received="a reserved tag on the whole model",
            remedy="Choose another name for the tag.",
        )


def _ever_released(name: str, received: str) -> MlflowException:
    return refusal(
        f"`{name}`",
        rule="a model that the ledger speaks of keeps its name, and its name stays its own",
        received=received,
        remedy="Register the other model under another name.",
    )
