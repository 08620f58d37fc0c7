"""Where work is done, as the settings say."""

from theragate.settings import Settings
from theragate.workers.backend import Backend
from theragate.workers.processes import Processes

__all__ = ["backend_of"]


def backend_of(settings: Settings) -> Backend:
    """Return the cluster of the settings, or else as many processes of this machine as they allow."""
    if not settings.cluster:
        return Processes(settings.jobs)
    from theragate.workers.cluster import Cluster

    return Cluster(settings.cluster, settings.shared, settings.state, settings.timeout)
