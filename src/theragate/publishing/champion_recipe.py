"""Whether a champion's recipe, by which it is fitted again to be beaten, is the one that its attestation signs."""

from datetime import UTC, datetime

from theragate.errors import EvidenceError
from theragate.registry.pinned_head import Memory
from theragate.registry.session import ATTESTATION, open_session
from theragate.registry.verification import check_statement
from theragate.release.attestation import Attestation
from theragate.release.champion import ChampionRecipe
from theragate.release.examination import verify_statement
from theragate.release.ledger import first_day, releasing
from theragate.release.trust import Trust
from theragate.tracking.registry import connected
from theragate.tracking.store import Stores

__all__ = ["check_recipe"]


def check_recipe(
    champion: ChampionRecipe, study: str, stores: Stores, trust: Trust, memory: Memory, *, source: str
) -> None:
    """Hold the recipe of `champion` against what was signed of its version.

    Where the ledger knows the version as released, its attestation has to be the one that was released, signed by a key
    that counted then. Of a version that was never released, what a key says that counts today. On a laptop a version
    without attestation has nothing to be held against.

    Parameters
    ----------
    memory
        What was seen of the registry's ledger before.
    source
        Where the recipe was read, for the message.

    Raises
    ------
    EvidenceError
        If another recipe was signed, or in a deployment nothing.
    Refusal, StoreError
        If the attestation is signed by a key that does not count, or is another than the one that was released.
    """
    signed = _attestation(champion.version, study, stores, trust, memory)
    if signed is None:
        if trust.development:
            return
        raise _other(champion, study, source, "its own attestation signs", "a version without attestation")
    own = champion.recipe_sha256(study)
    if signed.recipe_sha256 != own:
        rule = f"its own attestation signs, {signed.recipe_sha256[:12]}"
        raise _other(champion, study, source, rule, f"the recipe {own[:12]}")


def _attestation(number: str, study: str, stores: Stores, trust: Trust, memory: Memory) -> Attestation | None:
    with connected(stores) as registry:
        guarded, facts = registry.api.guarded, registry.version(study, number)
    envelope = facts.tags.get(ATTESTATION, "")
    if guarded:
        with open_session(stores, trust, memory) as session:
            released = releasing(study, number, session.rows)
            if released is not None:
                day = first_day(released, session.rows)
                return check_statement(released, envelope, trust, day=day).attestation
    if not envelope:
        return None
    return verify_statement(envelope, trust, datetime.now(UTC).date())[0].attestation


def _other(champion: ChampionRecipe, study: str, source: str, signed: str, received: str) -> EvidenceError:
    return EvidenceError(
        f"`{study}` version {champion.version}, {source}",
        rule=f"a champion is fitted again, to be beaten, by the recipe that {signed}",
        received=received,
        remedy="Find out who has changed it: whoever beats a weakened champion has shown nothing.",
    )
