"""Theragate: release gates for personalized-medicine models.

`open_project` opens a project in a notebook, `load_champion` loads the model in service. Each imports what it needs
when it is called, so that the import of this package costs nothing.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theragate.door.project import Project

__all__ = ["load_champion", "open_project"]


def open_project(path: str | os.PathLike[str] = ".") -> "Project":
    """Open the project in `path` or above it; see `theragate.door.project.open_project`."""
    from theragate.door.project import open_project as open_it

    return open_it(path)


def load_champion(study: str, **options: Any) -> Any:
    """Load the model in service for `study`, verified; see `theragate.registry.loading.load_champion`."""
    from theragate.registry.loading import load_champion as load  # MLflow takes seconds to import

    return load(study, **options)
