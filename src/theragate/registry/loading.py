"""Loading the champion as a consumer, after verifying it with one's own keys."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from theragate.personal.identity import CHAMPION
from theragate.registry.pinned_head import Memory, consumer_memory
from theragate.registry.session import ATTESTATION, expiry_alerts, open_session
from theragate.registry.verification import check_package, check_statement
from theragate.release.attestation import Attestation
from theragate.release.ledger import Event, first_day
from theragate.release.package_rules import check_listed
from theragate.release.trust import present_trust, read_trust
from theragate.settings import read_settings
from theragate.tracking.store import Stores

if TYPE_CHECKING:  # pandas and the model's libraries are imported when a model is loaded
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from theragate.personal.answers import PersonalModel

__all__ = ["Champion", "load_champion"]


@dataclass(frozen=True)
class Champion:
    """The released model of a study.

    ``event`` is the ledger's event that put it into service, ``attestation`` what the evaluator has signed about it.
    """

    study: str
    version: str
    event: Event
    attestation: Attestation
    personal: "PersonalModel" = field(repr=False)

    def predict(self, frame: "pd.DataFrame") -> "NDArray[np.float64]":
        """Return only the numbers of `answer`.

        Parameters
        ----------
        frame
            One row per patient with at least the columns that the model learned from.

        Returns
        -------
        Array of shape (n,): the probability of the event, the quantity in the study's unit, or the absolute risk by the
        horizon; NaN for a patient whose values the study does not accept (`answer` has the reason).

        Raises
        ------
        DataError
            If a feature is missing, or its type differs from that in training.
        """
        return self.answer(frame)["prediction"].to_numpy(dtype=float)

    def answer(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Answer for the patients of `frame`: number, interval, likeness, reasons; see docs/predictions.md.

        Parameters
        ----------
        frame
            One row per patient with at least the columns that the model learned from.

        Returns
        -------
        The table of `theragate.personal.answers.PersonalModel.answer`.

        Raises
        ------
        DataError
            If a feature is missing, or its type differs from that in training.
        """
        return self.personal.answer(frame)


def load_champion(
    study: str,
    *,
    tracking: str | None = None,
    trust: str | Path | None = None,
    memory: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Champion:
    """Load the model in service for `study`, after verifying with pinned keys everything that it rests on.

    Nothing that the registry says is trusted. Its ledger must be intact, signed by a key of the trust file, and contain
    the last row that this consumer has seen; the attestation must be the released one, signed by an evaluator; and the
    files must be those that were attested, and only data. Only then are they loaded.

    Parameters
    ----------
    study
        The registered model.
    tracking
        The registry's URL; by default ``MLFLOW_TRACKING_URI`` or the project's own.
    trust
        The trust file with the keys to verify with; by default ``THERAGATE_TRUST``, or ``release/trust.json`` of the
        project, or the project's development key, which proves nothing to others.
    memory
        The file in which the ledger's last row is pinned; by default ``THERAGATE_MEMORY``, or
        ``~/.local/state/theragate/ledgers.json``.
    environ
        Environment variables; by default those of the process.

    Raises
    ------
    StoreError
        If no champion is in service, the registry is out of reach, or its ledger, alias or files have been changed.
    Refusal
        If a signature does not count, or a file is among them that a model may not contain.
    ConfigurationError, DataError
        If the trust file is wrong or missing.
    """
    environ = dict(os.environ if environ is None else environ)
    if tracking is not None:
        environ["MLFLOW_TRACKING_URI"] = tracking
        environ.pop("MLFLOW_REGISTRY_URI", None)
    settings = read_settings(environ, Path.cwd())
    pinned = read_trust(Path(trust), development=None) if trust is not None else present_trust(settings, environ)
    seen = (
        Memory(Path(memory))
        if memory is not None
        else consumer_memory(settings, environ, Path.home(), development=pinned.development)
    )
    with open_session(Stores.of(settings), pinned, seen) as session, tempfile.TemporaryDirectory() as folder:
        event = session.champion(study)
        envelope = session.version(study, event.version).tags.get(ATTESTATION, "")
        statement = check_statement(event, envelope, pinned, day=first_day(event, session.rows))
        package = session.registry.fetch_package(
            study, event.version, Path(folder), check=check_listed, sealed=event.package_sha256
        )
        check_package(event, package)
        from theragate.personal.answers import load_personal_model  # scikit-learn takes a second to import

        personal = load_personal_model(package / "data" / "estimator")
        alerts = expiry_alerts(statement.attestation.waivers, session.today)
        personal = personal.known_as(event.version, "; ".join((CHAMPION, *alerts)))
    return Champion(study, event.version, event, statement.attestation, personal)
