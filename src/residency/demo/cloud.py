"""The demo's Amazon: moto behind a guard that refuses as the example organisation's own policies would.

Runs as a process of its own (``python -m residency.demo.cloud``), answers on loopback only, prints its port and ends
when its standard input closes, so that it cannot outlive the demo.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

__all__ = ["GUARD_PATH", "Guard", "Rules", "refusal_body", "serve"]

GUARD_PATH = "/residency-demo/guard"
"""Where the rules are put, as JSON, once the example is seeded."""
_SEED = 20210317
"""moto draws identifiers at random; with a fixed seed two demos give the same ones."""

_VAULT_POLICY = re.compile(r"/backup-vaults/[^/]+/access-policy")

Environ = dict[str, Any]
Start = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is refused.

    Parameters
    ----------
    regions, services
        All that the service control policy leaves open; ``services`` are signing names.
    anywhere
        Services the region rule does not concern.
    no_role
        Accounts without the role that a sweep assumes.
    denied
        Account → services its role may not read.
    regions_on, regions_off
        What the accounts have switched on and off.
    """

    regions: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    anywhere: tuple[str, ...] = ()
    no_role: tuple[str, ...] = ()
    denied: dict[str, list[str]] = field(default_factory=dict)
    regions_on: tuple[str, ...] = ()
    regions_off: tuple[str, ...] = ()


@dataclass(slots=True)
class Guard:
    """WSGI application that refuses by rule and passes everything else on.

    Parameters
    ----------
    inner
        The application behind.
    account_of
        Account of an access key.
    """

    inner: Callable[[Environ, Start], Iterable[bytes]]
    account_of: Callable[[str], str]
    rules: Rules | None = None

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        """Answer one request."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        if environ.get("PATH_INFO") == GUARD_PATH:
            self.rules = Rules(**json.loads(body))
            start("204 No Content", [])
            return []
        environ["wsgi.input"] = BytesIO(body)
        refused = self._refused(environ, body) if self.rules else None
        if refused is not None:
            service, message = refused
            kind, content = refusal_body(service, str(environ.get("CONTENT_TYPE") or ""), message)
            return _send(start, "403 Forbidden", kind, content, "AccessDeniedException")
        return self._lacking(environ, start) or self.inner(environ, start)

    def _lacking(self, environ: Environ, start: Start) -> Iterable[bytes] | None:
        """What AWS answers and moto does not know: which regions are on, and a vault without a policy."""
        path = str(environ.get("PATH_INFO"))
        if self.rules is not None and path == "/listRegions":
            states = {"ENABLED_BY_DEFAULT": self.rules.regions_on, "DISABLED": self.rules.regions_off}
            regions = [
                {"RegionName": name, "RegionOptStatus": word} for word, names in states.items() for name in names
            ]
            return _send(start, "200 OK", "application/json", json.dumps({"Regions": regions}).encode())
        if environ.get("REQUEST_METHOD") == "GET" and _VAULT_POLICY.fullmatch(path):
            said = json.dumps({"Code": "ResourceNotFoundException", "Message": "Backup Vault has no access policy"})
            return _send(start, "400 Bad Request", "application/json", said.encode(), "ResourceNotFoundException")
        return None

    def _refused(self, environ: Environ, body: bytes) -> tuple[str, str] | None:
        signed = _signed(environ)
        if signed is None or self.rules is None:
            return None
        key, region, service = signed
        rules, account = self.rules, self.account_of(key)
        caller = f"User: arn:aws:sts::{account}:assumed-role/residency-reader/residency"
        if service == "sts":
            role = next(iter(parse_qs(body.decode("utf-8", "replace")).get("RoleArn", [])), "")
            if role.count(":") > 4 and role.split(":")[4] in rules.no_role:
                return service, f"{caller} is not authorized to perform: sts:AssumeRole on resource: {role}"
            return None
        if service in rules.denied.get(account, ()):
            why = f"because no identity-based policy allows the {service}:List action"
            return service, f"{caller} is not authorized to perform this operation on {service} {why}"
        open_ = service in rules.services and (service in rules.anywhere or region in rules.regions)
        if not open_:
            said = f"{service} in {region} with an explicit deny in a service control policy"
            return service, f"{caller} is not authorized to perform this operation on {said}"
        return None


def refusal_body(service: str, content_type: str, message: str) -> tuple[str, bytes]:
    """Content type and body of an AccessDenied, in the form the service's protocol has."""
    text = escape(message)
    if service == "ec2":
        error = f"<Errors><Error><Code>UnauthorizedOperation</Code><Message>{text}</Message></Error></Errors>"
        return "text/xml", f"<Response>{error}<RequestID>demo</RequestID></Response>".encode()
    if service in {"s3", "s3express"}:
        return "application/xml", f"<Error><Code>AccessDenied</Code><Message>{text}</Message></Error>".encode()
    if service in {"cloudfront", "route53"} or "x-www-form-urlencoded" in content_type:
        error = f"<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{text}</Message></Error>"
        return "text/xml", f"<ErrorResponse>{error}<RequestId>demo</RequestId></ErrorResponse>".encode()
    body = {"__type": "AccessDeniedException", "message": message}
    return "application/x-amz-json-1.1", json.dumps(body).encode()


def _send(start: Start, status: str, kind: str, content: bytes, error: str = "") -> list[bytes]:
    named = [("x-amzn-ErrorType", error)] if error else []  # where the REST protocols in JSON look for the code
    start(status, [("Content-Type", kind), ("Content-Length", str(len(content))), *named])
    return [content]


def _signed(environ: Environ) -> tuple[str, str, str] | None:
    """Access key, region and service of a signed request."""
    header = str(environ.get("HTTP_AUTHORIZATION") or "")
    _, found, rest = header.partition("Credential=")
    parts = rest.partition(",")[0].split("/")
    return (parts[0], parts[2], parts[3]) if found and len(parts) == 5 else None


def serve() -> None:
    """Serve until standard input closes."""
    import logging

    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    from moto.iam.models import get_account_id_from
    from moto.moto_api._internal import mock_random
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: Any) -> None:
            """Keep quiet."""

    logging.disable(logging.CRITICAL)
    mock_random.seed(_SEED)
    guard = Guard(DomainDispatcherApplication(create_backend_app), get_account_id_from)
    server = make_server("127.0.0.1", 0, guard, threaded=True, request_handler=Quiet)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()
    server.shutdown()


if __name__ == "__main__":
    serve()
