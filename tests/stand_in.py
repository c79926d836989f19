"""moto on loopback behind rules: refusals, throttling and nonsense on demand, and every call counted.

``POST /_rules`` sets the rules (a JSON list, replacing those before), ``POST /_reset`` forgets all data and rules,
``GET /_calls`` lists the calls since. A rule: ``service``, ``region``, ``operation`` and ``body`` (parts to match),
``answer`` (``deny scp throttle disabled html-200 html-500 text-200 expired``), ``times`` (how often; for ever without),
``after`` (only from that match on), ``sleep`` (seconds before the answer).

    python tests/stand_in.py PORT
"""

import collections
import io
import json
import re
import sys
import threading
import time

SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/")
JSON_1_0 = {"dynamodb", "sqs"}
TEXTS = {
    "deny": ("AccessDeniedException", "User is not authorized to perform this action"),
    "scp": ("AccessDeniedException", "not authorized to perform it with an explicit deny in a service control policy"),
    "throttle": ("ThrottlingException", "Rate exceeded"),
    "disabled": ("OptInRequired", "You are not subscribed to this service"),
    "expired": ("ExpiredTokenException", "The security token included in the request is expired"),
    "unknown-region": ("UnrecognizedClientException", "The security token included in the request is invalid."),
}
PAGE = "<!DOCTYPE html><html><body>Sign in to the network</body></html>"


def operation(environ, body):
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rsplit(".", 1)[-1]
    found = re.search(rb"(?:^|&)Action=([A-Za-z]+)", body)
    if found:
        return found.group(1).decode()
    return f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}?{environ.get('QUERY_STRING', '')}"


def refusal(service, environ, kind):
    code, text = TEXTS[kind]
    status = "400 Bad Request" if kind == "throttle" else "403 Forbidden"
    if environ.get("HTTP_X_AMZ_TARGET") or service in JSON_1_0:
        return status, "application/x-amz-json-1.0", json.dumps({"__type": code, "message": text})
    if service == "s3":
        code = {"AccessDeniedException": "AccessDenied", "ThrottlingException": "SlowDown"}.get(code, code)
        return status, "application/xml", f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
    if service == "ec2":
        return status, "text/xml", f"<Response><Errors>{inner}</Errors></Response>"
    return status, "text/xml", f"<ErrorResponse>{inner}</ErrorResponse>"


class StandIn:
    def __init__(self, app):
        self.app, self.lock = app, threading.Lock()
        self.rules, self.calls, self.seen = [], [], collections.Counter()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_"):
            return self.control(path, body, start_response)
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        region, service = scope.groups() if scope else ("-", "-")
        name = operation(environ, body)
        with self.lock:
            self.calls.append([service, region, name])
            rule = self.match(service, region, name, body)
        if rule is not None and rule.get("sleep"):
            time.sleep(rule["sleep"])
        answer = None if rule is None else rule.get("answer")
        if answer is None:
            return self.app(environ, start_response)
        if answer == "html-200":
            status, kind, text = "200 OK", "text/html", PAGE
        elif answer == "html-500":
            status, kind, text = "500 Internal Server Error", "text/html", PAGE
        elif answer == "text-200":
            status, kind, text = "200 OK", "text/plain", "not what you asked for"
        else:
            status, kind, text = refusal(service, environ, answer)
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(text)))])
        return [text.encode()]

    def match(self, service, region, name, body):
        for number, rule in enumerate(self.rules):
            wanted = (rule.get("service", service), rule.get("region", region))
            if wanted != (service, region) or rule.get("operation", "") not in name:
                continue
            if rule.get("body", "").encode() not in body:
                continue
            self.seen[number] += 1
            first = rule.get("after", 0)
            if first < self.seen[number] <= first + rule.get("times", 10**9):
                return rule
        return None

    def control(self, path, body, start_response):
        with self.lock:
            self.seen.clear()
            if path == "/_reset":
                from moto.moto_api._internal.models import moto_api_backend

                moto_api_backend.reset()
                self.rules, self.calls = [], []
            elif path == "/_rules":
                self.rules = json.loads(body)
            text = json.dumps(self.calls)
            if path == "/_forget":
                self.calls = []
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text.encode()]


def main():
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *args, **kwargs):
            pass

    app = StandIn(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=Quiet)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdout = sys.stderr  # moto prints: into a pipe that nobody reads, in the end it would stand still
    server.serve_forever()


if __name__ == "__main__":
    main()
