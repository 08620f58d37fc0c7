"""What is measured of held-out predictions: plain functions. Their table is `theragate.evidence.catalogue`."""
