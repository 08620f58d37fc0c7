"""What gates, metrics, families and sources promise, as checks for whoever adds one: ours, and those of extensions.

Each check raises an `AssertionError` that names the promise which is broken, and needs no test framework. Theragate's
own tests call the same checks.
"""

from theragate.testing.evidence import sample_declared, sample_evidence
from theragate.testing.families import check_family
from theragate.testing.gates import check_gate
from theragate.testing.metrics import check_metric
from theragate.testing.sources import check_source

__all__ = ["check_family", "check_gate", "check_metric", "check_source", "sample_declared", "sample_evidence"]
