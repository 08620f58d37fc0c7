"""Theragate: release gates for personalized-medicine models."""

from typing import Any

__all__ = ["load_champion"]


def load_champion(study: str, **options: Any) -> Any:
    """Load the model in service for `study`, verified; see `theragate.registry.loading.load_champion`."""
    from theragate.registry.loading import load_champion as load  # MLflow takes seconds to import

    return load(study, **options)
