"""``tunewell doctor``: every data pitfall that can be seen in one file, most harmful first, with nothing set up.

Unlike curation, every check looks at every row, whatever another check thinks of it, and nothing is
changed.
"""

from __future__ import annotations

from tunewell.curate.doctor.fix import fix
from tunewell.curate.doctor.look import DoctorReport, doctor

__all__ = ["DoctorReport", "doctor", "fix"]
