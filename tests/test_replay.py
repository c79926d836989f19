"""The replay server: what fits, what is given in turn, and that nothing is ever made up."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from residency.errors import FaultsError
from residency.replay import Answer, Exchange, ReplayServer, load_exchanges


def ask(url: str, body: Any = None) -> tuple[int, str]:
    request = Request(url, data=None if body is None else json.dumps(body).encode())
    try:
        with urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.json").write_text(
        json.dumps({"request": {"path": "/one"}, "response": {"body": {"next": "{{url}}/two"}}})
    )
    (tmp_path / "deep" / "many.yaml").write_text(
        """
exchanges:
  - request: {path: /list, query: {page: null}}
    response: {body: {items: [1]}}
  - request: {path: /list, query: {page: "2"}}
    response: {body: {items: [2]}}
  - request: {path: /list, query: {tag: [a, b]}}
    response: {body: {items: [3]}}
  - request: {method: post, path: /query, body: {of: [x], options: {token: null}}}
    response: {body: {page: 1}}
  - request: {method: POST, path: /query, body: {of: [x], options: {token: t}}}
    response: {body: {page: 2}}
  - request: {path: /shy}
    responses:
      - {status: 429, headers: {Retry-After: "0"}, body: {error: {}}}
      - {body: {ok: true}}
  - request: {path: "/a b/c:search"}
    response: {text: "<html>no</html>", delay: 0.001}
  - request: {path: /cut}
    response: {body: {long: "0123456789"}, truncate: 5}
  - request: {path: /empty}
    response: {status: 204}
"""
    )
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[ReplayServer]:
    with ReplayServer(folder) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "body", "status", "answer"),
    [
        ("/list", None, 200, '{"items": [1]}'),
        ("/list?other=1", None, 200, '{"items": [1]}'),
        ("/list?page=2", None, 200, '{"items": [2]}'),
        ("/list?tag=a&tag=b", None, 200, '{"items": [3]}'),
        ("/query", {"of": ["x"], "options": {"top": 1}}, 200, '{"page": 1}'),
        ("/query", {"of": ["x"], "options": {"token": "t"}, "more": 1}, 200, '{"page": 2}'),
        ("/a%20b/c:search?x=y", None, 200, "<html>no</html>"),
        ("/empty", None, 204, ""),
    ],
)
def test_answers_what_fits(server: ReplayServer, path: str, body: Any, status: int, answer: str) -> None:
    assert ask(server.url + path, body) == (status, answer)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/nothing", None),
        ("/list?page=3", None),
        ("/query", {"of": ["y"], "options": {}}),
        ("/query", {"of": ["x"]}),
        ("/query", ["x"]),
        ("/one", {}),
    ],
)
def test_never_makes_up_an_answer(server: ReplayServer, path: str, body: Any) -> None:
    status, text = ask(server.url + path, body)
    assert status == 501
    assert "no recorded answer for" in text
    assert [missing.path for missing in server.missing] == [path.split("?")[0]]


def test_gives_responses_in_turn_and_repeats_the_last(server: ReplayServer) -> None:
    assert [ask(f"{server.url}/shy")[0] for _ in range(3)] == [429, 200, 200]
    assert server.requests == ["GET /shy"] * 3


def test_names_its_own_address(server: ReplayServer) -> None:
    assert json.loads(ask(f"{server.url}/one")[1]) == {"next": f"{server.url}/two"}


def test_truncates(server: ReplayServer) -> None:
    with pytest.raises(http.client.IncompleteRead):
        ask(f"{server.url}/cut")


def test_bad_json_in_a_request_fits_no_body(server: ReplayServer) -> None:
    with pytest.raises(HTTPError) as raised:
        urlopen(Request(f"{server.url}/query", data=b"{"), timeout=10)
    assert raised.value.code == 501
    raised.value.close()


def test_later_folders_go_first(folder: Path) -> None:
    over = Exchange("GET", "/list", (Answer(status=403),))
    with ReplayServer(folder, exchanges=[over]) as running:
        assert ask(f"{running.url}/list")[0] == 403
        assert ask(f"{running.url}/one")[0] == 200


def test_url_needs_a_running_server(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="context manager"):
        _ = ReplayServer(folder).url


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exchanges: [{request: {path: list}, response: {}}]", "request.path"),
        ("exchanges: [{request: {path: /x}}]", "exactly one of response, responses"),
        ("exchanges: [{request: {path: /x}, response: {}, responses: [{}]}]", "exactly one of response, responses"),
        ("exchanges: [{request: {path: /x}, response: {body: 1, text: x}}]", "at most one of body, text"),
        ("exchanges: [{request: {path: /x}, response: {status: 99}}]", "status"),
        ("exchanges: [{request: {path: /x}, response: {stat: 200}}]", "stat"),
        ("{request: {path: /x}, response: {stat: 200}}", "stat"),
        ("exchanges: []", "exchanges"),
        ("a: [", "not YAML"),
    ],
)
def test_refuses_bad_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(FaultsError) as raised:
        load_exchanges(tmp_path)
    assert message in str(raised.value)
    assert "bad.yaml" in str(raised.value)


def test_refuses_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(FaultsError, match="holds no exchanges"):
        load_exchanges(tmp_path)
