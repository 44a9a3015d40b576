"""Sign in with an OpenID Connect identity provider.

Authorization code with PKCE, state, nonce and a signed identity.
"""

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
from tunewell.people.names import LONGEST_NAME
from tunewell.people.token_digest import token_digest
from tunewell.store import Store
from tunewell.store.once import insert_once
from tunewell.store.people_tables import identities, sso_attempts
from tunewell.types import Value
from tunewell.web.refused import Refused

ATTEMPT_S = 600.0
"""How long a sign-in may take at the provider."""

KNOWN_S = 600.0
"""How long the provider's description of itself is kept."""

TIMEOUT_S = 10.0

LEEWAY_S = 60
"""How far the provider's clock may be off."""

MOST_UNDER_WAY = 10_000
"""Sign-ins that were sent to the provider and have not come back."""

ALGORITHMS = ["RS256", "PS256", "ES256"]
MOST_BYTES = 2**20
LOCAL = ("127.0.0.1", "localhost", "::1")


class Issuer(Value):
    """An identity provider.

    Attributes:
        url: As the provider names itself; https, or on this machine.
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
    """Who the provider says this is, and what the sign-in was for."""

    subject: str
    name: str
    target: str
    link: str = ""


class _Attempt(Value):
    """A sign-in that is under way."""

    nonce: str
    verifier: str
    target: str
    link: str
    redirect: str


class OpenID:
    """The conversation with one identity provider.

    Args:
        issuer: As configured.
        store: Keeps sign-ins that are under way, each used once.

    Raises:
        UserError: The provider is neither https nor on this machine.
        MissingExtraError: joserfc is not installed.
    """

    def __init__(self, issuer: Issuer, store: Store) -> None:
        parts = urlsplit(issuer.url)
        if parts.scheme != "https" and parts.hostname not in LOCAL:
            raise UserError(f"the identity provider {issuer.url!r} must use https")
        try:
            import joserfc.jwt  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("sso", needed_for="single sign-on") from error
        self.issuer = issuer
        self.store = store
        self._known: tuple[float, dict[str, Any]] = (0.0, {})

    def begin(
        self,
        redirect: str,
        *,
        target: str = "/",
        link: str = "",
    ) -> tuple[str, str]:
        """Where to send the browser, and the state that its cookie has to bring back.

        Args:
            redirect: Our address that the provider sends the browser back to.
            target: Path to open afterwards.
            link: Id of the account to connect the identity to.
        """
        state = secrets.token_urlsafe(32)
        attempt = _Attempt(
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(32),
            target=target,
            link=link,
            redirect=redirect,
        )
        self._keep(state, attempt)
        asked = {
            "response_type": "code",
            "client_id": self.issuer.client,
            "redirect_uri": redirect,
            "scope": "openid profile",
            "state": state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        endpoint = self._about()["authorization_endpoint"]
        return f"{endpoint}?{urlencode(asked)}", state

    def finish(self, answer: Mapping[str, str], cookie: str) -> Identity:
        """Who came back from the provider.

        Args:
            answer: The query of the address that the provider sent the browser to.
            cookie: The state that this browser keeps.

        Raises:
            UserError: Anything about it is not as it has to be.
        """
        state = answer.get("state", "")
        attempt = self._take(state)
        if attempt is None or not secrets.compare_digest(state.encode(), cookie.encode()):
            raise UserError(
                "this sign-in was not started in this browser, or has expired",
                hint="sign in again",
            )
        if answer.get("iss", self.issuer.url) != self.issuer.url:
            raise UserError("the answer came from another identity provider")
        if answer.get("error") or not answer.get("code"):
            raise UserError("the identity provider did not sign you in", hint="sign in again")

        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": attempt.redirect,
            "client_id": self.issuer.client,
            "code_verifier": attempt.verifier,
        }
        found = self._fetch(str(self._about()["token_endpoint"]), form)
        claims = self._claims(str(found.get("id_token", "")), attempt.nonce)
        subject = str(claims["sub"])
        name = str(claims.get("name") or claims.get("preferred_username") or subject)
        return Identity(
            subject=subject[:255],
            name=name[:LONGEST_NAME],
            target=attempt.target,
            link=attempt.link,
        )

    # --- which account an identity opens ----------------------------------------------------------

    def account_of(self, subject: str) -> str | None:
        """Id of the account that a subject opens."""
        query = (
            sa.select(identities.c.account)
            .where(identities.c.issuer == self.issuer.url)
            .where(identities.c.subject == subject)
        )
        account_id: str | None = self.store.value(query)
        return account_id

    def connect(self, subject: str, account_id: str) -> bool:
        """Let a subject open an account; False if it opens one already."""
        line = {
            "issuer": self.issuer.url,
            "subject": subject,
            "account": account_id,
        }
        with self.store.connection(write=True) as connection:
            return insert_once(connection, identities, line, ("issuer", "subject"))

    # --- sign-ins under way -----------------------------------------------------------------------

    def _keep(self, state: str, attempt: _Attempt) -> None:
        now = time.time()
        self.store.change(sa.delete(sso_attempts).where(sso_attempts.c.expires < now))
        under_way = sa.select(sa.func.count()).select_from(sso_attempts)
        if int(self.store.value(under_way)) >= MOST_UNDER_WAY:
            raise Refused(429, "too many people are signing in", hint="try again in ten minutes")
        keep = sa.insert(sso_attempts).values(
            state=token_digest(state),
            record=attempt.model_dump_json(),
            expires=now + ATTEMPT_S,
        )
        self.store.change(keep)

    def _take(self, state: str) -> _Attempt | None:
        """Take a sign-in that is under way; nobody can take it twice."""
        take = (
            sa.delete(sso_attempts)
            .where(sso_attempts.c.state == token_digest(state))
            .where(sso_attempts.c.expires > time.time())
            .returning(sso_attempts.c.record)
        )
        with self.store.connection(write=True) as connection:
            record = connection.execute(take).scalar()
        return _Attempt.model_validate_json(record) if record else None

    # --- what the provider says -------------------------------------------------------------------

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an identity token that is valid in every respect."""
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        issuer = self.issuer
        try:
            published = self._fetch(str(self._about()["jwks_uri"]))
            keys = KeySet.import_key_set(published)  # type: ignore[arg-type]
            claims = dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
            rules = jwt.JWTClaimsRegistry(
                leeway=LEEWAY_S,
                iss={"essential": True, "value": issuer.url},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                aud={"essential": True, "value": issuer.client},
                nonce={"essential": True, "value": nonce},
            )
            rules.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"the identity provider's token is not valid: {type(error).__name__}"
            ) from error

        # A token for several audiences has to name the one it was issued for (OpenID Connect Core
        # 1.0, section 3.1.3.7).
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        is_for_us = claims.get("azp", issuer.client) == issuer.client
        is_named = len(audience) <= 1 or "azp" in claims
        if not (is_for_us and is_named):
            raise UserError("the identity provider's token was issued for another application")
        return claims

    def _about(self) -> dict[str, Any]:
        """What the provider says of itself, for `KNOWN_S` seconds."""
        since, about = self._known
        if about and time.monotonic() - since <= KNOWN_S:
            return about

        url = self.issuer.url.rstrip("/") + "/.well-known/openid-configuration"
        about = self._fetch(url)
        if about.get("issuer") != self.issuer.url:
            named = str(about.get("issuer"))[:100]
            raise UserError(
                f"the identity provider calls itself {named!r}, not {self.issuer.url!r}"
            )
        self._known = (time.monotonic(), about)
        return about

    def _fetch(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A JSON object from the provider; a form is sent with our secret, if we have one."""
        scheme = urlsplit(url).scheme
        if scheme != urlsplit(self.issuer.url).scheme or scheme not in ("https", "http"):
            raise UserError("the identity provider names an address that is not safe")

        request = urllib.request.Request(url, headers={"accept": "application/json"})
        if form is not None:
            request.data = urlencode(form).encode()
            if self.issuer.secret:
                request.add_header("authorization", _basic(self.issuer))
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
                found = json.loads(answer.read(MOST_BYTES))
        except (URLError, OSError, ValueError) as error:
            raise UserError(
                f"the identity provider cannot be reached: {type(error).__name__}",
                hint="try again later",
            ) from error
        if not isinstance(found, dict):
            raise UserError("the identity provider did not answer with a JSON object")
        return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Secrets go to the address that the provider named, and nowhere that it sends us on to."""

    def redirect_request(self, *_: Any) -> None:
        return None


# Neither do proxies of the environment see them in the clear: https is tunnelled.
_OPENER = urllib.request.build_opener(_NoRedirects)


def _challenge(verifier: str) -> str:
    """What PKCE shows of a secret before it is used (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _basic(issuer: Issuer) -> str:
    """How a client with a secret names itself (RFC 6749, section 2.3.1)."""
    both = f"{quote(issuer.client, safe='')}:{quote(issuer.secret, safe='')}"
    return "Basic " + base64.b64encode(both.encode()).decode()
