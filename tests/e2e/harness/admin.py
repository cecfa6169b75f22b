"""The admin server as a client sees it, and its OpenAPI document, to which every answer is held."""

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
    """One request on a connection of its own; `headers` replace those that a client sends by itself, None leaves one out."""
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
    """`value` is what the document says that it is: this schema of its components, with every key that it names and no other."""
    resolved = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(resolved, format_checker=jsonschema.FormatChecker()).validate(value)
    return value


def schema_of(path, method="get", status=200):
    """The name of the schema of an answer, from the document."""
    content = DOCUMENT["paths"][path][method]["responses"][str(status)]["content"]
    (kind, has), = content.items()
    return kind, has["schema"].get("$ref", "").rpartition("/")[2]


class Admin:
    """The admin server of a proxy, read by the document."""

    def __init__(self, port):
        self.port = port

    def get(self, path, query=""):
        """The answer to a read that succeeds, held to the document."""
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
        """A request that is refused with this status, in the document's form; its detail."""
        answer = ask(self.port, path, method, **request)
        assert answer.status == status, (answer.status, answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = check(answer.json, "Problem")
        assert problem["status"] == status
        return problem["detail"]
