import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from theragate.mlflow_plugin.configuration import Configuration
from theragate.mlflow_plugin.methods import FREE, GUARDED, OWN, READ_ONLY, check_methods, public_methods
from theragate.mlflow_plugin.store import GatedStore


def test_every_method_of_mlflows_store_is_classified_once():
    assert public_methods(SqlAlchemyStore) == GUARDED | READ_ONLY | FREE
    assert public_methods(AbstractStore) <= public_methods(SqlAlchemyStore)
    assert public_methods(GatedStore) == GUARDED | READ_ONLY | FREE | OWN
    assert len(GUARDED) + len(READ_ONLY) + len(FREE) == len(GUARDED | READ_ONLY | FREE)


def test_an_upgrade_that_adds_a_method_stops_the_store(tmp_path):
    class Upgraded(GatedStore):
        def swap_registered_model_aliases(self, name):
            pass

    with pytest.raises(MlflowException, match="does not know how to guard swap_registered_model_aliases"):
        check_methods(Upgraded)
    with pytest.raises(MlflowException, match="nothing is served"):
        Upgraded("gated+sqlite:////nowhere/at/all.db", configuration=Configuration({}, tmp_path))


def test_a_guarded_method_that_is_only_inherited_stops_the_store():
    class Careless(SqlAlchemyStore):
        pass

    with pytest.raises(MlflowException, match="create_model_version"):
        check_methods(Careless)


def test_a_free_method_writes_only_through_guarded_ones():
    """MLflow's prompts and copies are made of guarded methods; the abstract store's own text says so."""
    for name in ("copy_model_version", "set_prompt_alias", "delete_prompt", "delete_prompt_version", "set_prompt_tag"):
        assert name not in vars(SqlAlchemyStore), name
        used = set(getattr(AbstractStore, name).__code__.co_names)
        assert used & GUARDED, name
        assert not any(word in used for word in ("session", "ManagedSessionMaker"))
