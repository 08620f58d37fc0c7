"""Learning: estimators, tuning, held-out predictions, the released model and its files.

The names below are imported when they are first used: a stage that only loads a model has no use for Optuna.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theragate.learning.families import check_families
    from theragate.learning.persistence import load, save
    from theragate.learning.predictor import Predictor
    from theragate.learning.training import Trained, train

__all__ = ["Predictor", "Trained", "check_families", "load", "save", "train"]

_HOMES = {
    "Predictor": "predictor",
    "Trained": "training",
    "check_families": "families",
    "load": "persistence",
    "save": "persistence",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
