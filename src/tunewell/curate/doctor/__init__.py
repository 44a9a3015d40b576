"""``tunewell doctor``: every data problem that it can detect in one file, most harmful first.

Nothing needs to be set up.

Unlike curation, every check looks at every row, whatever another check thinks of it, and nothing is
changed.
"""

from __future__ import annotations

from tunewell.curate.doctor.fix import fix
from tunewell.curate.doctor.remedies import Remedies
from tunewell.curate.doctor.report import DoctorReport, doctor

__all__ = ["DoctorReport", "Remedies", "doctor", "fix"]
