import numpy as np

from theragate.evidence.inputs.groups import atoms, coded, subgroups

LABELS = {"sex": np.array(["f", "m", "f", "Missing"]), "band": np.array(["old", "old", "young", "old"])}


def test_every_label_and_every_pair_with_a_patient():
    found = {group.key: group.rows.tolist() for group in subgroups(coded(LABELS), frozenset({"sex"}))}
    assert found == {
        "sex=f": [0, 2],
        "sex=m": [1],
        "sex=Missing": [3],
        "band=old": [0, 1, 3],
        "band=young": [2],
        "sex & band=f & old": [0],
        "sex & band=f & young": [2],
        "sex & band=m & old": [1],
        "sex & band=Missing & old": [3],
    }


def test_only_known_labels_of_judged_attributes_are_judged():
    judged = {group.key for group in subgroups(coded(LABELS), frozenset({"sex"})) if group.judged}
    assert judged == {"sex=f", "sex=m"}


def test_no_attribute_no_group():
    assert subgroups({}, frozenset()) == []


def test_atoms_are_patients_who_share_all_their_labels():
    codes, kinds = atoms(coded(LABELS), 4)
    assert (codes.tolist(), kinds) == ([0, 1, 2, 3], 4)
    codes, kinds = atoms(coded({"sex": LABELS["sex"]}), 4)
    assert (codes.tolist(), kinds) == ([0, 1, 0, 2], 3)
    assert atoms({}, 3)[0].tolist() == [0, 0, 0]
