import pytest

from theragate.evidence.catalogue import METRICS, metrics_of


@pytest.mark.parametrize("metric", METRICS.values(), ids=str)
def test_describes_each_metric_in_full(metric):
    assert METRICS[metric.name] is metric
    assert metric.title[0].isupper()
    assert metric.description.endswith(".")
    assert any(character.isdigit() for character in metric.source), "a source has a year"
    assert metric.tasks


def test_names_what_the_gates_ask_for():
    asked = {
        "binary": {"auroc", "brier_skill", "calibration_slope", "observed_expected", "ici", "sensitivity"},
        "survival": {"concordance_index", "concordance_index_ipcw", "auc_at_horizon", "net_benefit_gain"},
        "regression": {"r2", "rmse", "mae", "mean_error", "calibration_slope"},
    }
    for task, names in asked.items():
        assert names <= {metric.name for metric in metrics_of(task)}


def test_never_contrasts_what_moves_with_the_mix_of_cases():
    contrasted = {metric.name for metric in METRICS.values() if metric.contrasted}
    assert not contrasted & {"auroc", "concordance_index", "concordance_index_ipcw", "net_benefit", "r2", "brier"}
