from tunewell import metrics as metrics
from tunewell import stats as stats
from tunewell import testing as testing
from tunewell.curate.doctor import DoctorReport as DoctorReport
from tunewell.errors import DataError as DataError
from tunewell.errors import MissingExtraError as MissingExtraError
from tunewell.errors import ModelError as ModelError
from tunewell.errors import StoreError as StoreError
from tunewell.errors import TaskError as TaskError
from tunewell.errors import TunewellError as TunewellError
from tunewell.errors import UserError as UserError
from tunewell.metrics import metric as metric
from tunewell.notebook.data_check import doctor as doctor
from tunewell.notebook.outputs import ScoredOutputs as ScoredOutputs
from tunewell.notebook.outputs import evaluate as evaluate
from tunewell.notebook.project_folder import ProjectFolder
from tunewell.notebook.row_fix import FixedRows as FixedRows
from tunewell.notebook.row_fix import fix as fix
from tunewell.types import Estimate as Estimate
from tunewell.types import Example as Example
from tunewell.types import Finding as Finding
from tunewell.types import Message as Message
from tunewell.types import Unscored as Unscored
from tunewell.types import Verdict as Verdict

Project = ProjectFolder

__version__: str
__all__: list[str]
