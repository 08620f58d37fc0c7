"""Records in FHIR R4: views of resources, and the row of each patient that a recipe makes of them."""

from theragate.cohorts.fhir.paths import names_patient
from theragate.cohorts.fhir.views import Column, Row, View, ViewError, compile_view

__all__ = ["Column", "Row", "View", "ViewError", "compile_view", "names_patient"]
