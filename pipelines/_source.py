"""Make a stage run the code that stands beside it, also in the temporary copies in which DVC runs experiments."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
