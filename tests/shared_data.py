"""Where the public data and the cases lie that tests read in place, and are skipped without.

``$TUNEWELL_DATA`` names the folder of data; else it is looked for beside the checkout. The cases
lie beside the data.
"""

from __future__ import annotations

import os
from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"

DATA = Path(os.environ.get("TUNEWELL_DATA", _BESIDE))
CASES = DATA.parent / "cases"

NO_DATA = "the public data is not here: set TUNEWELL_DATA to its folder"
NO_CASES = "the cases are not here: set TUNEWELL_DATA to the folder of data beside them"
