"""Refusals are JSON that says what to do, and each is described."""

from __future__ import annotations

import pytest
from tiny_site import Ask


def test_each_refusal_is_described(ask: Ask) -> None:
    paths = ask("GET", "/api/openapi.json").json()["paths"]
    for path in ("/api/identify", "/api/embed", "/api/search"):
        assert {"404", "408", "413", "415", "422", "429", "503", "default"} < set(paths[path]["post"]["responses"])
    assert "503" in paths["/api/ready"]["get"]["responses"]
    assert {"404", "429", "503"} < set(paths["/api/identify/{id}"]["get"]["responses"])
    for method in (method for methods in paths.values() for method in methods.values()):
        assert "default" in method["responses"]
        for status, response in method["responses"].items():
            if status == "304":
                assert "content" not in response
            elif status != "200":
                assert list(response["content"]) == ["application/json"]
                assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
            assert ("Retry-After" in response.get("headers", {})) == (status == "429")


@pytest.mark.parametrize("path", ["identify", "embed", "search"])
def test_a_body_of_another_type_is_refused_with_the_types_that_are_taken(ask: Ask, path: str) -> None:
    reply = ask("POST", f"/api/{path}", content=b"hello", headers={"content-type": "text/plain"})
    assert (reply.status_code, reply.json()["error"]) == (415, "the body is of the type 'text/plain'")
    assert "multipart/form-data" in reply.json()["what_to_do"]
    assert ("application/json" in reply.json()["what_to_do"]) == (path != "identify")
