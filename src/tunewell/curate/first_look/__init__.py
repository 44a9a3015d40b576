"""What is in files that nobody has described yet, and what each column looks like.

`tunewell init` shows it and proposes a definition from it.
"""

from tunewell.curate.first_look.columns import ColumnLook
from tunewell.curate.first_look.look import DataLook, look_at

__all__ = ["ColumnLook", "DataLook", "look_at"]
