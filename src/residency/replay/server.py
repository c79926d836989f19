"""A small server that answers from files, for the demo and for tests.

A folder holds any number of ``*.yaml`` and ``*.json`` files, at any depth. Each file holds one exchange, or a list of
them under ``exchanges``::

    exchanges:
      - request:
          method: GET                    # GET when left out
          path: /v3/folders              # exact, after URL decoding
          query: {parent: organizations/1, pageToken: null}
          body: {subscriptions: [s-1]}   # for POST: JSON
        responses:
          - {status: 429, headers: {Retry-After: "0"}, body: {error: {code: 429}}}
          - {body: {folders: []}}

``query`` and ``body`` name what must be there; anything more is let through, ``null`` means it must not be there, and
a list must be equal. Among the exchanges that fit, the one with the most conditions answers; an exchange of a later
folder goes before any of an earlier one. ``responses`` are given in turn and the last one repeats; ``response`` is
short for one. A response has ``status`` (200), ``headers``, and ``body`` (JSON) or ``text`` (as it is, an HTML page for
instance). ``delay`` waits so many seconds first; ``truncate`` promises the whole body and closes after so many bytes.
``{{url}}`` in texts becomes the server's own address, for next-page links.

A request that no exchange fits answers 501 and is kept in ``missing``: never an empty list.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field, ValidationError, model_validator

from residency.errors import Fault, FaultsError
from residency.yamlfile import StrictModel, load

__all__ = ["Answer", "Exchange", "Missing", "ReplayServer", "load_exchanges"]

_HTML = "<"


class Answer(StrictModel):
    """One response."""

    status: int = Field(default=200, ge=100, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: Any = None
    text: str | None = None
    delay: float = Field(default=0, ge=0)
    truncate: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one_content(self) -> Answer:
        if self.body is not None and self.text is not None:
            raise ValueError("at most one of body, text")
        return self


class _Request(StrictModel):
    method: str = "GET"
    path: str = Field(pattern=r"^/")
    query: dict[str, str | list[str] | None] = Field(default_factory=dict)
    body: dict[str, Any] = Field(default_factory=dict)


class _Exchange(StrictModel):
    request: _Request
    response: Answer | None = None
    responses: list[Answer] = Field(default_factory=list)
    note: str | None = None

    @model_validator(mode="after")
    def _some_response(self) -> _Exchange:
        if (self.response is None) == (not self.responses):
            raise ValueError("exactly one of response, responses")
        return self


class _File(StrictModel):
    exchanges: list[_Exchange] = Field(min_length=1)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is asked and what is answered, in turn."""

    method: str
    path: str
    answers: tuple[Answer, ...]
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    source: str = "<memory>"

    def fits(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> bool:
        """Whether a request is meant."""
        if (method, path) != (self.method, self.path):
            return False
        asked = {name: values[0] if len(values) == 1 else values for name, values in query.items()}
        return _within(self.query, asked) and _within(self.body, body if isinstance(body, dict) else {})

    @property
    def conditions(self) -> int:
        """How many conditions it makes."""
        return _count(self.query) + _count(self.body)


@dataclass(frozen=True, slots=True)
class Missing:
    """A request without an answer."""

    method: str
    path: str
    query: str
    body: str

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        body = f" with body {self.body}" if self.body else ""
        return f"no recorded answer for {self.method} {self.path}{query}{body}; write one, even for an empty list"


def load_exchanges(folder: Path) -> tuple[Exchange, ...]:
    """Read all exchanges of a folder.

    Raises
    ------
    FaultsError
        With every fault of every file, or when the folder holds none.
    """
    faults: list[Fault] = []
    found: list[Exchange] = []
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".json"})
    for path in files:
        loaded = load(path)
        faults.extend(loaded.faults)
        if loaded.faults:
            continue
        data = loaded.data if isinstance(loaded.data, dict) and "exchanges" in loaded.data else None
        try:
            parsed = _File.model_validate(data or {"exchanges": [loaded.data]})
        except ValidationError as error:
            for item in error.errors(include_url=False):
                where = tuple(item["loc"]) if data else tuple(item["loc"])[2:]
                name = ".".join(str(part) for part in where)
                faults.append(Fault(str(path), loaded.line(where), f"{name or 'file'}: {item['msg']}", "exchange"))
            continue
        for exchange in parsed.exchanges:
            answers = [exchange.response] if exchange.response else exchange.responses
            found.append(
                Exchange(
                    method=exchange.request.method.upper(),
                    path=exchange.request.path,
                    answers=tuple(answers),
                    query=exchange.request.query,
                    body=exchange.request.body,
                    source=str(path),
                )
            )
    if not faults and not found:
        faults.append(Fault(str(folder), 0, "holds no exchanges", "exchange"))
    if faults:
        raise FaultsError(faults)
    return tuple(found)


class ReplayServer:
    """Serves one folder, or several of which the later ones go first, on a free loopback port.

    Use it as a context manager; ``url`` is its address, ``requests`` what was asked (``GET /path``, in order of
    arrival) and ``missing`` what it had no answer for.
    """

    def __init__(self, *folders: Path, exchanges: Iterable[Exchange] = ()) -> None:
        layers = [load_exchanges(folder) for folder in folders]
        if extra := tuple(exchanges):
            layers.append(extra)
        self._layers = tuple(reversed(layers))
        self._lock = threading.Lock()
        self._given: dict[int, int] = {}
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.requests: list[str] = []
        self.missing: list[Missing] = []

    @property
    def url(self) -> str:
        """Address of the running server, without a slash at its end."""
        if self._server is None:
            raise RuntimeError("the replay server is not running: use it as a context manager")
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> ReplayServer:
        replay = self

        class Handler(_Handler):
            server_of_answers = replay

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._thread is not None:
            self._thread.join()
        self._server = self._thread = None

    def answer(self, method: str, target: str, raw: bytes) -> Answer:
        """The answer to one request; 501 where none was written."""
        parts = urlsplit(target)
        path, query = unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        with self._lock:
            self.requests.append(f"{method} {path}")
            for layer in self._layers:
                fitting = [item for item in layer if item.fits(method, path, query, body)]
                if fitting:
                    chosen = max(fitting, key=lambda item: item.conditions)
                    turn = self._given.get(id(chosen), 0)
                    self._given[id(chosen)] = turn + 1
                    return chosen.answers[min(turn, len(chosen.answers) - 1)]
            missing = Missing(method, path, parts.query, raw.decode("utf-8", "replace")[:2000])
            self.missing.append(missing)
        return Answer(status=501, body={"error": {"code": 501, "status": "UNIMPLEMENTED", "message": str(missing)}})


class _Handler(BaseHTTPRequestHandler):
    server_of_answers: ReplayServer
    protocol_version = "HTTP/1.1"
    server_version = "replay"
    sys_version = ""

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server_of_answers.answer(self.command, self.path, raw)
        if answer.delay:
            time.sleep(answer.delay)
        text = answer.text if answer.text is not None else "" if answer.body is None else json.dumps(answer.body)
        content = text.replace("{{url}}", self.server_of_answers.url).encode()
        self.send_response(answer.status)
        kind = "text/html; charset=utf-8" if text.lstrip().startswith(_HTML) else "application/json; charset=utf-8"
        for name, value in {"Content-Type": kind, **answer.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.truncate is not None:
            content = content[: answer.truncate]
            self.close_connection = True
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: what was asked is in ``requests``."""


def _within(wanted: Any, given: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(given, Mapping) and all(
            name not in given if value is None else name in given and _within(value, given[name])
            for name, value in wanted.items()
        )
    return bool(wanted == given)


def _count(wanted: Any) -> int:
    if isinstance(wanted, Mapping):
        return sum(_count(value) for value in wanted.values())
    return len(wanted) if isinstance(wanted, list) else 1
