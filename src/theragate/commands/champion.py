"""Whom a challenger has to beat: the registry's champion, copied into a file that DVC and git know."""

from collections.abc import Mapping
from pathlib import Path

from theragate.errors import StoreError
from theragate.release.champion import ChampionRecipe, write_champion
from theragate.release.trust import present_trust
from theragate.runner.workspace import Workspace
from theragate.settings import Settings
from theragate.study import load_study, spec_of

__all__ = ["name_champion"]


def name_champion(root: Path, study: str, settings: Settings, environ: Mapping[str, str]) -> str:
    """Write ``release/<study>/champion.json`` from the version that has the alias ``champion``, or that there is none.

    The recipe comes from the version's run, where an editor could have changed it: it has to be the one that the
    champion's attestation signs, under whom this project trusts.

    Returns
    -------
    One line for the user.

    Raises
    ------
    ConfigurationError
        If there is no such study.
    StoreError
        If MLflow cannot be used, or its champion was not registered by this product.
    EvidenceError, Refusal
        If the champion's attestation signs another recipe, or is signed by a key that does not count.
    """
    from theragate.publishing.champion_recipe import check_recipe  # MLflow takes seconds to import
    from theragate.registry.pinned_head import consumer_memory
    from theragate.registry.session import check_ledger
    from theragate.tracking.champion import find_champion
    from theragate.tracking.store import Stores

    workspace = Workspace(root, study)
    load_study(workspace.params, study)
    stores, trust = Stores.of(settings), present_trust(settings, environ)
    memory = consumer_memory(settings, environ, Path.home(), development=trust.development)
    check_ledger(stores, trust, memory)
    released = find_champion(stores, study)
    champion = None if released is None else _champion(study, *released)
    if champion is not None:
        check_recipe(champion, study, stores, trust, memory, source="its run's recipe.json")
    path = workspace.decided("champion.json")
    before = path.read_bytes() if path.is_file() else None
    write_champion(path, study, champion)
    who = "nobody has the alias `champion`" if champion is None else f"version {champion.version} is the champion"
    if path.read_bytes() == before:
        return f"{study}: {who}; release/{study}/champion.json says so already"
    return f"{study}: {who}. Commit release/{study}/champion.json, and run `dvc repro`."


def _champion(study: str, version: str, recipe: dict[str, object]) -> ChampionRecipe:
    return spec_of(
        ChampionRecipe,
        {**{name: recipe[name] for name in recipe if name != "study"}, "version": version},
        subject=f"MLflow, `{study}` version {version}, recipe.json",
        remedy="Give the alias `champion` to a version that `theragate` has registered.",
        error=StoreError,
    )
