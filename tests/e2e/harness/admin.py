"""A client of the admin server. It checks every answer against the server's OpenAPI document."""

import http.client
import json
import pathlib

import jsonschema

from harness.process import PATIENCE

DOCUMENT = json.loads((pathlib.Path(__file__).parents[3] / "src/http/openapi.json").read_text())
BASE = "/api/v1"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def ask(port, path, method="GET", body=None, headers=None, host="127.0.0.1"):
    """Sends one request on its own connection. `headers` replace the default ones; a header with the value None is left out."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Host": f"{host}:{port}"}
        if method == "POST":
            fields |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in (fields | (headers or {})).items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(content)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def check(value, schema):
    """Checks that `value` matches this schema of the document's components. Returns `value`."""
    resolved = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(resolved, format_checker=jsonschema.FormatChecker()).validate(value)
    return value


def schema_of(path, method="get", status=200):
    """(content type, name of the schema) that the document gives for an answer."""
    content = DOCUMENT["paths"][path][method]["responses"][str(status)]["content"]
    (kind, has), = content.items()
    return kind, has["schema"].get("$ref", "").rpartition("/")[2]


class Admin:
    """A client of the admin server of one proxy."""

    def __init__(self, port):
        self.port = port

    def get(self, path, query=""):
        """Sends a GET that must succeed. Returns the JSON of the answer."""
        answer = ask(self.port, f"{BASE}{path}{query}")
        assert answer.status == 200, answer.body
        kind, schema = schema_of(path)
        assert answer.headers["content-type"] == kind
        return check(answer.json, schema)

    def post(self, path, body=None, status=200):
        answer = ask(self.port, f"{BASE}{path}", "POST", body)
        assert answer.status == status, answer.body
        return check(answer.json, schema_of(path, "post", status)[1])

    def problem(self, status, path, method="GET", **request):
        """Sends a request that must be refused with this status and a Problem of the document. Returns the problem's detail."""
        answer = ask(self.port, path, method, **request)
        assert answer.status == status, (answer.status, answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = check(answer.json, "Problem")
        assert problem["status"] == status
        return problem["detail"]
