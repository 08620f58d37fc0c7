"""How a password is compared: once in a request, and as long for a name that nobody has."""

import hashlib
import warnings
from contextvars import copy_context
from types import SimpleNamespace

import pytest
from mlflow_plugin.servers import PASSWORD

from theragate.mlflow_plugin.sign_in import _CHECKED, _Checked, _hash_once

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``")  # MLflow 3.17 uses what SQLAlchemy 2.1 deprecates


@pytest.fixture
def costs(tmp_path, monkeypatch):
    """Sign in by MLflow's own table of users; return whether that was right, and what was hashed for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow 3.17 uses what starlette and Alembic deprecate
        from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

        users = SqlAlchemyStore()
        users.init_db(f"sqlite:///{tmp_path}/users.db")
    users.create_user("ada", PASSWORD)
    _hash_once(SimpleNamespace(store=users, _authenticate_cached=lambda *_: None))
    hashed, scrypt = [], hashlib.scrypt

    def counted(password, **parameters):
        hashed.append({key: parameters[key] for key in ("n", "r", "p")})
        return scrypt(password, **parameters)

    monkeypatch.setattr(hashlib, "scrypt", counted)

    def cost(user, password):
        def ask():
            _CHECKED.set(_Checked(user))
            hashed.clear()
            return users.authenticate_user(user, password), users.authenticate_user(user, password), list(hashed)

        return copy_context().run(ask)

    yield cost
    users.engine.dispose()


def test_a_name_that_nobody_has_costs_as_much_as_a_wrong_password(costs):
    wrong, nobody = costs("ada", "a guess"), costs("nobody", "a guess")
    assert wrong[:2] == (False, False)
    assert len(wrong[2]) == 2
    assert nobody == wrong


def test_a_right_password_is_hashed_once(costs):
    right = costs("ada", PASSWORD)
    assert right[:2] == (True, True)
    assert len(right[2]) == 1
