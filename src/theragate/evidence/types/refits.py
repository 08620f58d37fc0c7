"""What models that were fitted again say: stability, membership, the recipe of the model in use."""

from theragate.evidence.types.estimate import Estimate
from theragate.evidence.types.measured import Comparison
from theragate.study import Spec

__all__ = [
    "AUDITED_MODELS",
    "AttackEvidence",
    "AuditSample",
    "ChampionEvidence",
    "MembershipEvidence",
    "StabilityEvidence",
]

AUDITED_MODELS = 20  # of a membership-inference audit


class AuditSample(Spec):
    """The random sample in which stability and membership were measured: ``patients``, ``of`` all who are learned from.

    ``apart`` is the mean absolute difference between the predictions, for the sample, by the recipe fitted to it and
    by the released model: in probability or in the outcome's unit.
    """

    patients: int
    of: int
    apart: float

    @property
    def in_words(self) -> str:
        """Who was audited, in a sentence."""
        return f"It was measured in a random sample of {self.patients:,} of the {self.of:,} patients learned from"


class StabilityEvidence(Spec):
    """How much one patient's prediction hangs on which patients the model happened to learn from.

    ``difference`` is the mean absolute difference between the prediction of a refit on a bootstrap sample and that of
    the released model, over patients and refits (Riley, Collins, Biom J 2023;65:2200302). ``optimism`` is how much
    better a refit does on its own sample than on all patients, by metric; it is reported and never judged.
    """

    refits: int
    difference: Estimate
    optimism: dict[str, Estimate]


class AttackEvidence(Spec):
    """How well one attack tells members from non-members.

    ``auc``: how often a member has the higher score of the two; .5 is chance. ``rate_at_one_in_1000``: the share of
    members who are recognised where one of 1,000 non-members is taken for a member; .001 is chance.
    """

    auc: Estimate
    rate_at_one_in_1000: Estimate


class MembershipEvidence(Spec):
    """A membership-inference audit: models of the recipe, each fitted to a random half of the patients and attacked.

    ``models`` counts them; ``patients`` are those in the audit. ``attacks`` are ``likelihood_ratio`` and, where an
    outcome is seen, ``loss``.
    """

    models: int
    patients: int
    attacks: dict[str, AttackEvidence]


class ChampionEvidence(Spec):
    """The model against the champion's recipe, fitted again in the same folds: neither learned from who is compared.

    In ``comparisons`` the champion takes the place of the reference. ``recipe_sha256`` is the digest of the recipe
    that was fitted, for whoever releases to hold it against the one that the champion's attestation has signed.
    """

    model_sha256: str
    recipe_sha256: str
    family: str
    same_cohort: bool
    comparisons: tuple[Comparison, ...]
    why: str = ""
