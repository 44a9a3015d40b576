"""Single sign-on: a real HTTP identity provider of the test's own, honest and not."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from fastapi.testclient import TestClient

from tests.web.conftest import World, texts
from tunewell.errors import UserError
from tunewell.project import Project
from tunewell.web import create_app
from tunewell.web.oidc import Issuer, OpenID

pytest.importorskip("joserfc", reason="joserfc is not installed: pip install 'tunewell[sso]'")


class FakeIssuer(ThreadingHTTPServer):
    """Gives codes for what it was asked and checks PKCE as an issuer does.

    ``bend`` spoils the claims.
    """

    daemon_threads = True

    def __init__(self) -> None:
        from joserfc.jwk import RSAKey

        super().__init__(("127.0.0.1", 0), Talk)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.key, self.other = (RSAKey.generate_key(2048, {"kid": "k1"}) for _ in range(2))
        self.codes: dict[str, dict[str, str]] = {}
        self.bend: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.forged = False
        self.calls_itself = self.url
        self.subject = "s-1"

    def consent(self, address: str) -> str:
        """What a person does there: agree; gives the query to come back with."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}"
        self.codes[code] = asked
        return f"code={code}&state={asked['state']}"

    def token(self, form: dict[str, list[str]]) -> dict[str, Any]:
        from joserfc import jwt

        asked = self.codes.pop(form["code"][0])
        digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": self.subject,
            "aud": "tunewell",
            "exp": now + 60,
            "iat": now,
            "nonce": asked["nonce"],
            "name": "Ann Okafor",
        }
        key = self.other if self.forged else self.key
        return {"id_token": jwt.encode({"alg": "RS256", "kid": "k1"}, self.bend(claims), key)}


class Talk(BaseHTTPRequestHandler):
    server: FakeIssuer

    def do_GET(self) -> None:
        there = self.server.url
        about = {
            "issuer": self.server.calls_itself,
            "authorization_endpoint": f"{there}/authorize",
            "token_endpoint": f"{there}/token",
            "jwks_uri": f"{there}/keys",
        }
        keys = {"keys": [self.server.key.as_dict(private=False)]}
        self.answer(keys if self.path == "/keys" else about)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        assert (
            self.headers["authorization"]
            == "Basic " + base64.b64encode(b"tunewell:s3cret").decode()
        )
        self.answer(self.server.token(parse_qs(body)))

    def answer(self, value: dict[str, Any]) -> None:
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def issuer() -> Iterator[FakeIssuer]:
    server = FakeIssuer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def with_issuer(world: World, issuer: FakeIssuer, role: str | None = "expert") -> TestClient:
    found = Issuer.model_validate(
        {"url": issuer.url, "client": "tunewell", "secret": "s3cret", "role": role}
    )
    world.app = create_app(Project(world.file, world.store), issuer=found)
    return TestClient(world.app, follow_redirects=False)


def come_back(client: TestClient, issuer: FakeIssuer, start: str = "/sso?next=/account") -> Any:
    there = client.get(start)
    assert there.status_code == 303
    return client.get(f"/sso/callback?{issuer.consent(there.headers['location'])}")


def test_a_first_comer_gets_an_account_and_comes_back_to_it(
    world: World, issuer: FakeIssuer
) -> None:
    client = with_issuer(world, issuer)
    assert "Sign in with your organisation" in client.get("/login").text
    back = come_back(client, issuer)
    assert (back.status_code, back.headers["location"]) == (303, "/account")
    assert "Ann Okafor" in texts(client.get("/account").text)
    again = TestClient(world.app, follow_redirects=False)
    assert come_back(again, issuer).status_code == 303
    assert [a.role for a in world.accounts.all()] == ["expert"]
    world.accounts.set_active(world.accounts.all()[0].id, False)
    assert come_back(TestClient(world.app, follow_redirects=False), issuer).status_code == 403


def test_without_a_role_only_connected_accounts_enter(world: World, issuer: FakeIssuer) -> None:
    client = with_issuer(world, issuer, role=None)
    assert "you have no account here" in texts(come_back(client, issuer).text)
    assert world.accounts.all() == []
    ann = world.client("ann")
    page = ann.post("/account/sso").text
    link = page.split('href="http')[1].split('"')[0].replace("&amp;", "&")
    assert ann.client.get(f"/sso/callback?{issuer.consent('http' + link)}").status_code == 303
    assert come_back(client, issuer).status_code == 303
    assert "ann" in texts(client.get("/account").text)
    bob = world.client("bob")  # the same identity cannot open a second account
    link = bob.post("/account/sso").text.split('href="http')[1].split('"')[0].replace("&amp;", "&")
    assert (
        "already connected to another account"
        in bob.client.get(f"/sso/callback?{issuer.consent('http' + link)}").text
    )


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "another"},
        {"aud": "somebody else"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"sub": None},
        {"aud": ["tunewell", "x"]},
        {"azp": "x"},
        {"nonce": None},
    ],
)
def test_a_token_that_is_not_valid_opens_nothing(
    change: dict[str, Any], world: World, issuer: FakeIssuer
) -> None:
    client = with_issuer(world, issuer)
    issuer.bend = lambda claims: {k: v for k, v in (claims | change).items() if v is not None}
    assert come_back(client, issuer).status_code == 403
    assert world.accounts.all() == []


def test_a_forged_signature_another_browser_and_a_second_use_are_refused(
    world: World, issuer: FakeIssuer
) -> None:
    client = with_issuer(world, issuer)
    issuer.forged = True
    assert "token is not valid" in texts(come_back(client, issuer).text)
    issuer.forged = False
    query = issuer.consent(client.get("/sso").headers["location"])
    thief = TestClient(world.app, follow_redirects=False)
    assert "not started in this browser" in texts(thief.get(f"/sso/callback?{query}").text)
    query = issuer.consent(client.get("/sso").headers["location"])
    assert client.get(f"/sso/callback?{query}").status_code == 303
    assert client.get(f"/sso/callback?{query}").status_code == 403
    assert client.get("/sso/callback?error=access_denied&state=x").status_code == 403
    code = issuer.consent(client.get("/sso").headers["location"])
    issuer.codes[code.split("&")[0][5:]]["code_challenge"] = "of somebody else"
    assert client.get(f"/sso/callback?{code}").status_code == 403


def test_an_issuer_that_is_not_who_it_says_is_refused(world: World, issuer: FakeIssuer) -> None:
    client = with_issuer(world, issuer)
    issuer.calls_itself = "https://evil.example"
    assert client.get("/sso").status_code == 400
    with pytest.raises(UserError, match="https"):
        OpenID(Issuer(url="http://idp.example.org", client="c"), world.store)
    assert TestClient(create_app(Project(world.file, world.store))).get("/sso").status_code == 404
