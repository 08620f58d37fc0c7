"""What a clinician calls the inputs and their codes, for the reasons and the drivers of an answer."""

from theragate.study import Features, GroupSpec, LabelledGroups, Spec

__all__ = ["InputNames", "input_names"]


class InputNames(Spec):
    """``labels``: of inputs, by column; ``values``: of their codes, by column and code."""

    labels: dict[str, str]
    values: dict[str, dict[str, str]]

    def of(self, column: str) -> str:
        """Return what an input is called, with its column, by which it is given: ``serum creatinine (creat)``."""
        label = self.labels.get(column, column)
        return label if label == column else f"{label} ({column})"

    def plainly(self, column: str) -> str:
        """Return what a clinician calls an input."""
        return self.labels.get(column, column)

    def value(self, column: str, code: str) -> str:
        """Return a code with its label, ``1 (female)``."""
        label = self.values.get(column, {}).get(code, code)
        return code if label == code else f"{code} ({label})"


def input_names(columns: list[str], features: Features, subgroups: dict[str, GroupSpec]) -> InputNames:
    """Return the names that a study gives to these columns, and to their codes where these are groups of patients."""
    values = {group.column: group.labels for group in subgroups.values() if isinstance(group, LabelledGroups)}
    return InputNames(
        labels={column: label for column, label in features.labels.items() if column in columns},
        values={column: labels for column, labels in values.items() if column in columns},
    )
