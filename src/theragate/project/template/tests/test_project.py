"""What has to hold in this project. `make test` runs this folder; add tests of your own, with unittest or pytest."""

import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def in_git(*folders: str) -> list[str]:
    """Return the files below some folders that git tracks."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--", *folders], capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.split("\0") if name]


class Patients(unittest.TestCase):
    """No patient's row is in git."""

    def test_no_table_is_tracked(self) -> None:
        """Git takes the description, the digest and the query of a source, and never the table."""
        allowed = (".md", ".dvc", ".sql")
        self.assertEqual([name for name in in_git("sources") if not name.endswith(allowed)], [])

    def test_no_result_with_rows_is_tracked(self) -> None:
        """Cohorts, models, keys and the links between ids stay out."""
        self.assertEqual(in_git("data", "models", "private", "mlflow-store", ".theragate"), [])


class Pipeline(unittest.TestCase):
    """What makes the results can be found again."""

    def test_the_lock_of_the_pipeline_is_tracked(self) -> None:
        """Whoever has the commit knows what every stage has read and written."""
        if (ROOT / "dvc.lock").exists():
            self.assertEqual(in_git("dvc.lock"), ["dvc.lock"], "run `git add dvc.lock`")


if __name__ == "__main__":
    unittest.main()
