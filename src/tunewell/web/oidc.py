"""Sign in with an OpenID Connect issuer: authorization code with PKCE, state, nonce and a signed identity."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, urlencode, urlsplit

import sqlalchemy as sa
from pydantic import Field

from tunewell.errors import MissingExtraError, UserError
from tunewell.people import AccountRole
from tunewell.store import Store
from tunewell.store.once import insert_once
from tunewell.store.people_tables import identities, sso_attempts
from tunewell.types import Value

ATTEMPT_S = 600.0
TIMEOUT_S = 10.0
KNOWN_S = 600.0
LEEWAY_S = 60
ALGORITHMS = ["RS256", "PS256", "ES256"]
MOST_BYTES = 2**20


class Issuer(Value):
    """Who vouches for people.

    Attributes:
        url: As the issuer names itself; https, or on this machine.
        client: Our id there.
        secret: Of the client; empty = a public client (PKCE alone).
        role: Role of people who come for the first time; empty = only those whose account is
            connected may enter.
    """

    url: str
    client: str
    secret: str = Field(default="", repr=False)
    role: AccountRole | None = None


class Identity(Value):
    """Who the issuer says this is, and what the sign-in was for."""

    subject: str
    name: str
    target: str
    link: str = ""


class OpenID:
    """The conversation with one issuer.

    Args:
        issuer: As configured.
        store: Keeps sign-ins that are under way, each used once.

    Raises:
        UserError: The issuer is neither https nor on this machine.
        MissingExtraError: joserfc is not installed.
    """

    def __init__(self, issuer: Issuer, store: Store) -> None:
        parts = urlsplit(issuer.url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise UserError(f"the issuer {issuer.url!r} is not an https address")
        try:
            import joserfc.jwt  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("sso", needed_for="signing in with an issuer") from error
        self.issuer, self.store = issuer, store
        self._known: tuple[float, dict[str, Any]] = (0.0, {})

    def begin(self, redirect: str, *, target: str = "/", link: str = "") -> tuple[str, str]:
        """Where to send the browser, and the state that its cookie has to bring back.

        Args:
            redirect: Our address that the issuer sends the browser back to.
            target: Path to open afterwards.
            link: Id of the account to connect the identity to.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
            .rstrip(b"=")
            .decode()
        )
        record = {
            "nonce": nonce,
            "verifier": verifier,
            "target": target,
            "link": link,
            "redirect": redirect,
        }
        now = time.time()
        with self.store.connection(write=True) as connection:
            connection.execute(sa.delete(sso_attempts).where(sso_attempts.c.expires < now))
            connection.execute(
                sa.insert(sso_attempts).values(
                    state=_hash(state), record=json.dumps(record), expires=now + ATTEMPT_S
                )
            )
        asked = {
            "response_type": "code",
            "client_id": self.issuer.client,
            "redirect_uri": redirect,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._about()['authorization_endpoint']}?{urlencode(asked)}", state

    def finish(self, answer: Mapping[str, str], cookie: str) -> Identity:
        """Who came back from the issuer.

        Args:
            answer: The query of the address that the issuer sent the browser to.
            cookie: The state that this browser keeps.

        Raises:
            UserError: Anything about it is not as it has to be.
        """
        state = answer.get("state", "")
        record = self._attempt(state)
        if record is None or not secrets.compare_digest(state.encode(), cookie.encode()):
            raise UserError(
                "this sign-in was not begun in this browser, or has run out", hint="sign in again"
            )
        if answer.get("iss", self.issuer.url) != self.issuer.url:
            raise UserError("another issuer answered than was asked")
        if answer.get("error") or not answer.get("code"):
            raise UserError("the issuer did not let you in", hint="sign in again")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": record["redirect"],
            "client_id": self.issuer.client,
            "code_verifier": record["verifier"],
        }
        token = self._fetch(str(self._about()["token_endpoint"]), form).get("id_token", "")
        claims = self._claims(str(token), record["nonce"])
        name = str(claims.get("name") or claims.get("preferred_username") or claims["sub"])
        return Identity(
            subject=str(claims["sub"])[:255],
            name=name[:100],
            target=record["target"],
            link=record["link"],
        )

    def account_of(self, subject: str) -> str | None:
        """Id of the account that a subject opens."""
        here = sa.and_(identities.c.issuer == self.issuer.url, identities.c.subject == subject)
        with self.store.connection() as connection:
            found: str | None = connection.execute(
                sa.select(identities.c.account).where(here)
            ).scalar()
        return found

    def connect(self, subject: str, account: str) -> bool:
        """Let a subject open an account; False if it opens one already."""
        line = {"issuer": self.issuer.url, "subject": subject, "account": account}
        with self.store.connection(write=True) as connection:
            return insert_once(connection, identities, line, ("issuer", "subject"))

    def _attempt(self, state: str) -> dict[str, str] | None:
        """Take a sign-in that is under way; nobody can take it twice."""
        here = sa.and_(sso_attempts.c.state == _hash(state), sso_attempts.c.expires > time.time())
        with self.store.connection(write=True) as connection:
            text = connection.execute(
                sa.delete(sso_attempts).where(here).returning(sso_attempts.c.record)
            ).scalar()
        return json.loads(text) if text else None

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        try:
            keys = KeySet.import_key_set(self._fetch(str(self._about()["jwks_uri"])))  # type: ignore[arg-type]
            claims = dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
            rules = jwt.JWTClaimsRegistry(
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self.issuer.url},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                aud={"essential": True, "value": self.issuer.client},
                nonce={"essential": True, "value": nonce},
            )
            rules.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"the issuer's word on who you are does not hold: {type(error).__name__}"
            ) from error
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", self.issuer.client) != self.issuer.client or (
            len(audience) > 1 and "azp" not in claims
        ):
            raise UserError("the issuer's word was meant for somebody else")
        return claims

    def _about(self) -> dict[str, Any]:
        """What the issuer says of itself, for ten minutes."""
        since, about = self._known
        if time.monotonic() - since > KNOWN_S or not about:
            about = self._fetch(self.issuer.url.rstrip("/") + "/.well-known/openid-configuration")
            if about.get("issuer") != self.issuer.url:
                raise UserError(
                    f"the issuer calls itself {str(about.get('issuer'))[:100]!r}, not {self.issuer.url!r}"
                )
            self._known = (time.monotonic(), about)
        return about

    def _fetch(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        parts, home = urlsplit(url), urlsplit(self.issuer.url)
        if parts.scheme != home.scheme or parts.scheme not in ("https", "http"):
            raise UserError("the issuer names an address that is not safe")
        body = urlencode(form).encode() if form is not None else None
        asked = urllib.request.Request(url, data=body, headers={"accept": "application/json"})
        if form is not None and self.issuer.secret:
            both = f"{quote(self.issuer.client, safe='')}:{quote(self.issuer.secret, safe='')}"
            asked.add_header("authorization", "Basic " + base64.b64encode(both.encode()).decode())
        try:
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
                found = json.loads(answer.read(MOST_BYTES))
        except (URLError, OSError, ValueError) as error:
            raise UserError(
                f"the issuer cannot be asked: {type(error).__name__}", hint="try again later"
            ) from error
        if not isinstance(found, dict):
            raise UserError("the issuer answers with something else than was asked")
        return found


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()
