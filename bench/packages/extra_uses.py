"""Use what one extra brings, by the product's own functions: python extra_uses.py EXTRA.

Runs in an environment that has nothing but the wheel and that extra, in an empty folder.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

from tunewell.errors import MissingExtraError
from tunewell.installation import extra_of

HERE: Final = Path()
PDF_OBJECTS: Final = (
    b"<</Type /Catalog /Pages 2 0 R>>",
    b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
    b"<</Type /Page /Parent 2 0 R /Contents 4 0 R /MediaBox [0 0 300 100] /Resources "
    b"<</Font <</F1 <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>>>>>>>",
    b"<</Length 44>> stream\nBT /F1 12 Tf 10 50 Td (Form U-5 is due.) Tj ET\nendstream",
)
LM_TASK: Final = """
task: desk
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_target: "{{topic}}"
doc_to_choice: [two, three]
metric_list: [{metric: acc}]
"""


class Server(HTTPServer):
    """Answers everything with one text, on this machine."""

    def __init__(self, answer: Any) -> None:
        self.answer = json.dumps(answer).encode()
        self.asked: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # the name that the standard library calls
        server = self.server
        assert isinstance(server, Server)
        server.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(server.answer)))
        self.end_headers()
        self.wfile.write(server.answer)

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


def _desk() -> Path:
    """A project that has run."""
    from tunewell.testing.factories import sample_project

    sample_project(HERE / "desk", rows=120).store.close()
    return HERE / "desk"


def _track(target: str, *, rows: int = 0) -> None:
    """Send the runs of a project."""
    from tunewell.project import Project
    from tunewell.tracking import send

    with Project.open(_desk()) as project:
        send(project.store.runs(), project.store, target, project="desk", rows=rows)


def scipy() -> str:
    from tunewell.stats import proportion

    return str(proportion(41, 50))


def text() -> str:
    from tunewell.curate.reading.documents.pdf import from_pdf

    (HERE / "page.pdf").write_bytes(_pdf())
    return from_pdf(HERE / "page.pdf").text


def _pdf() -> bytes:
    """A page with one line."""
    data = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(PDF_OBJECTS, 1):
        places.append(len(data))
        data += b"%d 0 obj %b endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(places) + 1
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    return data + b"trailer <</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start)


def names() -> str:
    from tunewell.checks.personal.recogniser import load_recogniser

    recogniser = load_recogniser("rampart")
    assert recogniser is not None
    (spans,) = recogniser(["My name is Ada Okoro and I live in Leeds."])
    return str([span.type for span in spans])


def vectors() -> str:
    from tunewell.similar.vectors import vectors as of_texts

    one, other, far = of_texts(["a bill for power", "an invoice for electricity", "blue whales"])
    assert one @ other > one @ far
    return f"{one @ other:.2f}, {one @ far:.2f}"


def endpoint() -> str:
    from tunewell.model.endpoint import EndpointModel
    from tunewell.types import Message

    answer = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Hello."},
            }
        ],
    }
    model = EndpointModel("m", base_url=f"{Server(answer).url}/v1")
    (reply,) = model.generate([(Message(role="user", content="Say hello."),)])
    return reply.text


def web() -> str:
    from tunewell.project import Project
    from tunewell.web.app import create_app

    with Project.open(_desk()) as project:
        return f"{len(create_app(project).routes)} routes"


def gateway() -> str:
    from tunewell.gateway import app, serving

    return f"{app.__name__}, {serving.__name__}"


def sso() -> str:
    from joserfc import jwt
    from joserfc.jwk import KeySet

    from tunewell.web import oidc

    return f"{oidc.__name__}, {jwt.__name__}, {KeySet.__name__}"


def tensorboard() -> str:
    _track("tensorboard:runs")
    return ", ".join(sorted(path.name for path in HERE.glob("runs/*/*"))[:2])


def mlflow() -> str:
    _track("mlflow:sqlite:///tracking.db", rows=2)
    return f"{Path('tracking.db').stat().st_size} bytes"


def otlp() -> str:
    server = Server({})
    _track(f"otlp:{server.url}")
    return f"{len(server.asked)} requests, {sum(map(len, server.asked))} bytes"


def postgres() -> str:
    """Nobody listens: the driver must be there, and the error must name the server."""
    from tunewell.errors import UserError
    from tunewell.store import Store

    try:
        Store(HERE, url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    except MissingExtraError:
        raise
    except UserError as error:
        return error.message
    return ""


def ray() -> str:
    import pyarrow as pa

    from tunewell.engine import Engine

    table = pa.table({"a": list(range(20_000))})
    done = Engine("ray:local", workers=2).map(table, _doubled)
    assert done["a"].to_pylist() == [2 * number for number in range(20_000)]
    return f"{done.num_rows} rows"


def _doubled(table: Any) -> Any:
    import pyarrow as pa

    return pa.table({"a": [2 * number for number in table["a"].to_pylist()]})


def speech() -> str:
    import numpy as np
    import soundfile

    from tunewell.audio.clips import read_clip

    soundfile.write("tone.wav", np.sin(np.arange(8_000) / 8), 8_000)
    return f"{len(read_clip(Path('tone.wav')).samples)} samples"


def train() -> str:
    from tunewell.model.load import load_model
    from tunewell.testing.tiny import tiny_model_folder

    return type(load_model(tiny_model_folder(HERE / "tiny"))).__name__


def trl() -> str:
    import accelerate
    from trl import SFTTrainer

    return f"accelerate {accelerate.__version__}, {SFTTrainer.__name__}"


def lm_eval() -> str:
    from tunewell.train.forgetting.lm_eval import loaded_tasks

    rows = HERE / "rows.jsonl"
    rows.write_text('{"question": "One?", "topic": "two"}\n', encoding="utf-8")
    (HERE / "desk.yaml").write_text(LM_TASK, encoding="utf-8")
    return str([type(task).__name__ for task in loaded_tasks(str(HERE / "desk.yaml"))])


USES: Final[Mapping[str, Callable[[], str]]] = {
    "scipy": scipy,
    "text": text,
    "names": names,
    "vectors": vectors,
    "endpoint": endpoint,
    "web": web,
    "gateway": gateway,
    "sso": sso,
    "tensorboard": tensorboard,
    "mlflow": mlflow,
    "otlp": otlp,
    "postgres": postgres,
    "ray": ray,
    "speech": speech,
    "train": train,
    "trl": trl,
    "lm-eval": lm_eval,
}


def main() -> None:
    """Print what came of it: the result, or the extra that its error names."""
    try:
        print(USES[sys.argv[1]]())
    except MissingExtraError as error:
        print(error.hint)
    except ModuleNotFoundError as error:
        print(f"pip install 'tunewell[{extra_of(error.name or '')}]'")


if __name__ == "__main__":
    main()
