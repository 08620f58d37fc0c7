"""What is missing in a deployment of the release server, or too open: `theragate server --check`."""

from theragate.mlflow_plugin.checks.buckets import refuse_out_of_reach
from theragate.mlflow_plugin.checks.database import refuse_unanswered
from theragate.mlflow_plugin.checks.findings import Finding
from theragate.mlflow_plugin.checks.run import check_server, refuse_worst

__all__ = ["Finding", "check_server", "refuse_out_of_reach", "refuse_unanswered", "refuse_worst"]
