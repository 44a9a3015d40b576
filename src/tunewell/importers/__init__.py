"""Projects from what people already have: configurations, evaluations and exports of other tools.

Nothing of a source is executed, and nothing is fetched. Every key of it is accounted for.
"""

from tunewell.importers.project_writer import ImportedProject
from tunewell.importers.sources import import_project

__all__ = ["ImportedProject", "import_project"]
