"""A params.yaml that is written to exhaust its reader is refused in a sentence."""

import pytest

from theragate.errors import ConfigurationError
from theragate.study import load_study, study_names

LEVELS = "\n".join(
    ["    k0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"    k{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
)
HOSTILE = {
    "aliases of aliases": f"studies:\n  small:\n{LEVELS}\n",
    "an alias of itself": "studies: &all\n  small: *all\n",
    "deep lists": f"studies: {'[' * 2000}{']' * 2000}\n",
    "deep blocks": "studies:\n" + "".join(f"{' ' * level}a:\n" for level in range(1, 2000)),
    "an endless number": f"seed: {'9' * 5000}\nstudies: {{}}\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_yaml_that_exhausts_a_reader_is_refused(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    for read in (study_names, lambda path: load_study(path, "small")):
        with pytest.raises(ConfigurationError, match=r"nested in few levels|1,000,000 entries|valid YAML"):
            read(path)


def test_a_link_to_a_device_is_not_read(tmp_path):
    (tmp_path / "params.yaml").symlink_to("/dev/zero")
    with pytest.raises(ConfigurationError, match="the file can be read; received it is no regular file"):
        study_names(tmp_path / "params.yaml")
