"""The reference of the metrics, written from the code.

``python -m tunewell.metrics.reference > docs/reference/metrics.md``
"""

from __future__ import annotations

import inspect
import re
import sys

from tunewell.metrics.options import NoOptions
from tunewell.metrics.registry import BUILTINS, NATS, Builtin
from tunewell.types import MetricInfo

HEAD = """# Metrics

Every metric is a number per held-out answer, with a unit, a direction and a range. In reports it is a mean with an
interval, per arm and per slice, and a paired difference between arms. A metric *guards a gate* when it is of the task's
own (not a generic overlap) and exact by nature or held against people; a gate on another metric may block a release but
never opens one alone (E01).

An answer that a metric cannot score is *unscored*, with its reason; it is never dropped but widens the interval to what
the worst and the best case would give. A row that a metric cannot measure whoever answers (no points are listed for
it) is left out for every arm alike.

```yaml
metrics:
  - {name: label, options: {pattern: '^\\[(.+?)\\]'}}
  - {name: key_points, options: {from: tags.points}}
  - {name: short, options: {metric: conciseness, words: 40}}   # a built-in metric under a name of your own
  - {name: polite, options: {python: metrics.py}}              # your own function
```
"""
OWN = """## Your own

A Python function in a file of the project that `tunewell.yaml` names. It is your code and runs with your rights; none
runs that `tunewell.yaml` does not name, and none outside the project's folder. Its digest is in every score.

```python
from tunewell.metrics import Marked, Unscored, metric

@metric(title="Names the contract", exact=True)
def contract(output, example, *, task):
    number = example.field("contract")
    if not number:
        return Unscored(reason="the row names no contract")
    return Marked(value=float(number in output), reason=f"looked for {number}")
```

It gives a number, `True`/`False`, `Marked` (with a reason and spans) or `Unscored`. An exception, NaN or a value
outside `low`…`high` is unscored, with the reason. Say `exact=False` when it asks a model or guesses: it then guards no
gate until it has been held against people.
"""


def reference() -> str:
    """The page as Markdown.

    Example:
        >>> reference().startswith("# Metrics")
        True
    """
    own = [b for b in BUILTINS.values() if b.info.own]
    generic = [b for b in BUILTINS.values() if not b.info.own]
    parts = [
        HEAD,
        "## Of the task's own\n",
        *map(_section, own),
        "## Generic\n",
        _entry(NATS, _NATS_ABOUT),
    ]
    return "\n".join([*parts, *map(_section, generic), OWN])


_NATS_ABOUT = (
    "Loss of the gold answer under the model, per token. Always measured; needs no generated text."
)


def _section(builtin: Builtin) -> str:
    text = _entry(builtin.info, builtin.about)
    if builtin.options is NoOptions:
        return text
    rows = ["| option | default | |", "|---|---|---|"]
    about = _attributes(builtin.options)
    for name, field in builtin.options.model_fields.items():
        default = "required" if field.is_required() else f"`{field.default!r}`"
        words = about[name].replace("``", "`").replace("|", "&#124;")
        rows.append(f"| `{field.alias or name}` | {default} | {words} |")
    return text + "\n" + "\n".join(rows) + "\n"


def _entry(info: MetricInfo, about: str) -> str:
    better = "bigger is better" if info.bigger_is_better else "smaller is better"
    guard = "guards gates" if info.own and info.validated else "never opens a gate alone"
    return f"### `{info.name}`: {info.title}\n\n{about} {info.unit}, {info.low:g} to {info.high:g}, {better}; {guard}.\n"


def _attributes(model: type) -> dict[str, str]:
    """What a model's docstring says of its fields."""
    text = inspect.getdoc(model) or ""
    found = re.findall(r"^    (\w+): (.+(?:\n        .+)*)", text, re.MULTILINE)
    return {name: " ".join(about.split()) for name, about in found}


if __name__ == "__main__":
    sys.stdout.write(reference())
