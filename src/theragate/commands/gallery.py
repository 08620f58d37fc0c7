"""`theragate gallery`: a study's images with their outlines, in its own report, where they may be shown."""

from collections.abc import Mapping
from pathlib import Path

from theragate.cohorts.sources import seen_images
from theragate.errors import ConfigurationError
from theragate.numbers import plural
from theragate.reports.gallery import MOST, draw_gallery
from theragate.runner.workspace import Workspace
from theragate.study import ImagesSource, load_study

__all__ = ["gallery"]


def gallery(root: Path, name: str, environ: Mapping[str, str]) -> str:
    """Write ``reports/STUDY/gallery.png``, which neither git nor MLflow takes; return one line.

    Raises
    ------
    ConfigurationError
        If the study has no images, or does not say why they may be shown.
    DataError
        If an image cannot be read.
    """
    workspace = Workspace(root, name)
    study = load_study(workspace.params, name)
    spec = study.source
    if not isinstance(spec, ImagesSource):
        raise ConfigurationError(
            f"params.yaml, key `studies.{name}.source.kind`",
            rule="a gallery shows the images of a study whose source is of the kind `images`",
            received=f"`{spec.kind}`",
            remedy="Name such a study.",
        )
    if spec.shown is None:
        raise ConfigurationError(
            f"params.yaml, key `studies.{name}.source.shown`",
            rule="pictures of patients are shown only where somebody says why they may be",
            received="no reason",
            remedy="Declare `shown: {reason: …}`, if whoever reads the study's report may see them.",
        )
    seen = seen_images(spec, root, study=name, most=MOST, environ=environ)
    path = draw_gallery(
        [(each.image, each.labels) for each in seen],
        workspace.report("gallery.png"),
        title=study.card.title,
        reason=spec.shown.reason,
        simulated=spec.simulated is not None,
    )
    return f"{plural(len(seen), 'image')} with outlines, in {path.relative_to(root)}; it is not sent to MLflow"
