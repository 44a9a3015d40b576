"""Whether this installation works: what is installed, and whether the parts do what they should."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from tunewell.errors import UserError
from tunewell.revision import code_revision
from tunewell.types import Value

CheckState = Literal["works", "missing", "fails"]
DISTRIBUTION: Final = "tunewell"
ORACLE: Final = (15, 148, "0.101 [0.0624, 0.16]")
"""Wilson's interval as Newcombe 1998 (table I, method 3) prints it: 15 of 148."""

EXTRAS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "train": (("torch", "transformers", "peft"), "training, and models on this machine"),
    "scipy": (("scipy",), "statistics of many rows in less time"),
    "trl": (("trl", "accelerate"), "training on several GPUs"),
    "endpoint": (("openai",), "models behind a server"),
    "text": (("pypdf",), "reading PDF files"),
    "speech": (("soundfile",), "reading recordings"),
    "names": (("onnxruntime", "tokenizers"), "finding names by a small model"),
    "vectors": (("model2vec", "wordllama"), "rows that mean the same"),
    "web": (("fastapi", "uvicorn", "pwdlib"), "the app for people"),
    "gateway": (("aiohttp", "orjson", "uvicorn"), "the gateway"),
    "sso": (("joserfc",), "single sign-on"),
    "postgres": (("psycopg",), "PostgreSQL"),
    "mlflow": (("mlflow",), "runs in MLflow"),
    "tensorboard": (("tensorboard",), "runs in TensorBoard"),
    "otlp": (("opentelemetry.sdk", "opentelemetry.exporter"), "runs as OpenTelemetry spans"),
    "ray": (("ray", "daft"), "curation past one machine"),
    "lm-eval": (("lm_eval",), "tasks of lm-evaluation-harness"),
}
"""Optional parts: the modules that they are recognised by, and what they are for."""


def extra_of(module: str) -> str:
    """The extra that brings a module; empty where none does.

    Example:
        >>> extra_of("transformers.models"), extra_of("pwdlib"), extra_of("antigravity")
        ('train', 'web', '')
    """
    for extra, (modules, _) in EXTRAS.items():
        if any(f"{module}.".startswith(f"{each}.") for each in modules):
            return extra
    return ""


class InstallationCheck(Value):
    """One thing that was tried.

    Attributes:
        name: What.
        state: Whether it works, is an optional part that is missing, or fails.
        detail: What was seen.
        hint: What to do about it, where there is something to do.
        seconds: Wall time.
    """

    name: str
    state: CheckState
    detail: str
    hint: str = ""
    seconds: float = 0.0


def check_installation() -> Iterator[InstallationCheck]:
    """Try every part of the base installation, and look which optional parts are there."""
    yield InstallationCheck(name="version", state="works", detail=_version())
    for name, attempt in _ATTEMPTS.items():
        yield _tried(name, attempt)
    yield _tried("versions of packages", _versions)
    for extra in EXTRAS:
        yield _extra(extra)


def _version() -> str:
    return f"tunewell {code_revision()}, Python {platform.python_version()}, {sys.platform}"


def _tried(name: str, attempt: Callable[[], str]) -> InstallationCheck:
    """What came of an attempt; whatever it raises is its failure."""
    started = time.monotonic()
    try:
        detail = attempt()
    except Exception as error:
        said = error.message if isinstance(error, UserError) else str(error)
        return InstallationCheck(
            name=name,
            state="fails",
            detail=f"{type(error).__name__}: {said}".splitlines()[0],
            hint=getattr(error, "hint", "") or "pip install --force-reinstall tunewell",
            seconds=round(time.monotonic() - started, 3),
        )
    took = round(time.monotonic() - started, 3)
    return InstallationCheck(name=name, state="works", detail=detail, seconds=took)


def _statistics() -> str:
    from tunewell.stats import proportion

    successes, tried, wanted = ORACLE
    found = str(proportion(successes, tried))
    if found != wanted:
        raise ValueError(f"{successes} of {tried} gave {found} instead of {wanted}")
    return f"{successes} of {tried} is {found}"


def _store() -> str:
    from tunewell.store import Store

    with tempfile.TemporaryDirectory() as folder:
        with Store(Path(folder)) as store, store.lock("tunewell self-check"):
            store.say("look", "self-check", author="self-check", record={"text": "ä"})
            kept = store.put_value([1, 2, 3])
        with Store(Path(folder)) as again:
            entries = again.check_ledger().entries
            if again.get_value(kept, list[int]) != [1, 2, 3] or not entries:
                raise ValueError("what was written is not what is read")
    return "a store was made, locked, written, closed, opened and read"


def _doctor() -> str:
    from tunewell.curate.doctor import doctor

    topics = ("a move", "a sale", "a birth", "a loss", "a repair", "an outage")
    lines = [f'{{"prompt": "What of {t}?", "completion": "Use the form {t}."}}' for t in topics]
    lines.append('{"prompt": "What of a visit?", "completion": "N/A"}')
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("\n".join([*lines, lines[0]]), encoding="utf-8")
        report = doctor(path)
    found = {finding.code for finding in report.findings if finding.status == "found"}
    if not {"D03", "D08"} <= found:
        raise ValueError(f"a planted copy and an empty answer were not found, only {sorted(found)}")
    return f"a planted copy and an empty answer were found among {report.rows} rows"


def _documentation() -> str:
    from tunewell.documentation import reference

    page = Path(reference("metrics.md"))
    if not page.is_file():
        raise ValueError(f"{page} is not there")
    return str(page)


_ATTEMPTS: Final[Mapping[str, Callable[[], str]]] = {
    "statistics": _statistics,
    "store": _store,
    "doctor": _doctor,
    "reference pages": _documentation,
}


def _versions() -> str:
    """Whether every package of the base installation has a version that fits."""
    wrong = [name for name in required() if not _is_installed(name)]
    if wrong:
        raise UserError(f"not installed: {', '.join(wrong)}", hint="pip install tunewell")
    return f"{len(required())} packages of the base installation are there"


def required() -> list[str]:
    """Names of the packages of the base installation; none where the package is not installed."""
    try:
        wanted = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    base = [line for line in wanted if "extra ==" not in line]
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in base]


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def _extra(name: str) -> InstallationCheck:
    modules, purpose = EXTRAS[name]
    missing = [each for each in modules if not _is_there(each)]
    if missing:
        return InstallationCheck(
            name=f"extra {name}",
            state="missing",
            detail=f"{purpose}: {', '.join(missing)}",
            hint=f"pip install 'tunewell[{name}]'",
        )
    return InstallationCheck(name=f"extra {name}", state="works", detail=purpose)
