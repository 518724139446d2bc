"""Who may log in: OAuth 1.0a judged by oauthlib, access tokens by PyJWT.

Nothing of the workspace is used here: these are the judges that nobody of the project wrote. What is
known about accounts stands in `accounts.json`; any name of the domain is a user, whose token of
OAuth 1.0a is `TokenOf` + name, and whose opaque access token `opaque-token-of-` + name.
"""

import json
import re
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import jwt
from oauthlib.oauth1 import RequestValidator, ResourceEndpoint

MECHANISMS = ("XOAUTH", "OAUTH10A", "XOAUTH2", "OAUTHBEARER")

# What a client says to an error document: RFC 7628 3.2.3 wants kvsep, the older two an empty line.
ACKNOWLEDGEMENT = {"XOAUTH": b"", "XOAUTH2": b"", "OAUTH10A": b"\x01", "OAUTHBEARER": b"\x01"}

OPENID = "https://localhost/.well-known/openid-configuration"

DOCUMENTS = {
    "XOAUTH": {"status": "401", "schemes": "oauth"},
    "XOAUTH2": {"status": "401", "schemes": "bearer", "scope": "mail"},
    "OAUTH10A": {"status": "invalid_token", "schemes": "oauth", "scope": "mail"},
    "OAUTHBEARER": {"status": "invalid_token", "scope": "mail", "openid-configuration": OPENID},
}


@dataclass
class Verdict:
    """Who it is, or why not; `reason` is for the log only."""

    user: str | None = None
    temporary: bool = False
    reason: str = ""


class Unavailable(Exception):
    """What the judge needs is down: nothing can be said about the credentials."""


class Accounts:
    def __init__(self, path):
        known = json.loads(Path(path).read_text(encoding="utf-8"))
        self.domain = known["domain"]
        self.consumer = (known["consumer"]["key"], known["consumer"]["secret"])
        self.token_secret = known["token_secret"]
        self.prefixes = (known["token_prefix"], known["long_token_prefix"], known["down_token_prefix"])
        self.hs256_secret = known["hs256_secret"]
        self.opaque = known["opaque_prefix"]
        self.opaque_down = known["opaque_down_prefix"]

    def address(self, name):
        return f"{name}@{self.domain}"

    def owner(self, token):
        """The name a token of OAuth 1.0a belongs to; long ones are padded with X."""
        normal, long, down = self.prefixes
        if token.startswith(down):
            raise Unavailable(token)
        for prefix in (long, normal):
            if token.startswith(prefix):
                return token[len(prefix):].rstrip("X")
        return None


class Validator(RequestValidator):
    """oauthlib asks, the accounts answer. Nonces are remembered for as long as timestamps are good."""

    allowed_signature_methods = ("HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT")
    client_key_length = (4, 64)
    access_token_length = (4, 16384)
    nonce_length = (4, 64)
    enforce_ssl = False
    dummy_client = "dummy"
    dummy_access_token = "dummy"

    def __init__(self, accounts):
        super().__init__()
        self.accounts = accounts
        self.nonces = {}

    def validate_client_key(self, client_key, request):
        return client_key == self.accounts.consumer[0]

    def validate_access_token(self, client_key, token, request):
        return self.accounts.owner(token) is not None

    def validate_timestamp_and_nonce(
        self, client_key, timestamp, nonce, request, request_token=None, access_token=None
    ):
        now = time.time()
        if abs(now - int(timestamp)) > self.timestamp_lifetime:
            return False
        key = (client_key, access_token, timestamp, nonce)
        if key in self.nonces:
            return False
        self.nonces[key] = now
        return True

    def validate_realms(self, client_key, token, request, uri=None, realms=None):
        return True

    def get_client_secret(self, client_key, request):
        return self.accounts.consumer[1]

    def get_access_token_secret(self, client_key, token, request):
        return self.accounts.token_secret


class Judge:
    """Judges the message of a client. `ports` are the ports that signatures may be for."""

    def __init__(self, accounts, rs256_key, ports):
        self.accounts = accounts
        self.rs256_key = rs256_key
        self.ports = {int(port) for port in ports}
        self.endpoint = ResourceEndpoint(Validator(accounts))

    def judge(self, mechanism, message):
        """The verdict on a decoded client message. A message that cannot be read is refused."""
        try:
            text = message.decode("utf-8")
            user = getattr(self, mechanism.lower())(text)
            return Verdict(user=user)
        except Unavailable as down:
            return Verdict(temporary=True, reason=f"down: {down}")
        except (ValueError, KeyError, AttributeError, jwt.PyJWTError) as error:
            return Verdict(reason=f"{type(error).__name__}: {error}")

    def xoauth(self, text):
        """`GET SP url SP parameters`; the URL's path or query says whose mailbox it is."""
        method, url, parameters = text.split(" ", 2)
        if method != "GET":
            raise ValueError(f"method {method}")
        token = self.signed(url, method, parameters)
        parts = urllib.parse.urlsplit(url)
        requestor = urllib.parse.parse_qs(parts.query).get("xoauth_requestor_id")
        path = re.fullmatch(r"/mail/b/([^/]+)/(?:imap|smtp)/", parts.path)
        user = requestor[0] if requestor else path.group(1)
        return self.same(user, token)

    def oauth10a(self, text):
        """RFC 7628 3.1 and 3.2: host and port are required, and have to be ours."""
        user, pairs = self.client_response(text)
        host, port = pairs["host"], int(pairs["port"])
        if host != "localhost" or port not in self.ports:
            raise ValueError(f"a signature for {host}:{port}")
        scheme, parameters = pairs["auth"].split(" ", 1)
        if scheme.lower() != "oauth":
            raise ValueError(f"scheme {scheme}")
        authority = host if port == 80 else f"{host}:{port}"
        return self.same(user, self.signed(f"http://{authority}/", "POST", parameters))

    def xoauth2(self, text):
        found = re.fullmatch(r"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", text)
        return self.bearer(found.group(1), found.group(2))

    def oauthbearer(self, text):
        user, pairs = self.client_response(text)
        scheme, token = pairs["auth"].split(" ", 1)
        if scheme.lower() != "bearer":
            raise ValueError(f"scheme {scheme}")
        return self.bearer(user, token)

    def client_response(self, text):
        """`gs2-header kvsep *kvpair kvsep`, RFC 7628 3.1."""
        header, *pairs = text.split("\x01")
        user = re.fullmatch(r"n,a=([^,]+),", header).group(1)
        if pairs[-2:] != ["", ""]:
            raise ValueError("no kvsep at the end")
        pairs = dict(pair.split("=", 1) for pair in pairs[:-2])
        return user.replace("=2C", ",").replace("=3D", "="), pairs

    def signed(self, url, method, parameters):
        """The token of a request whose signature oauthlib finds good."""
        header = {"Authorization": "OAuth " + parameters}
        valid, request = self.endpoint.validate_protected_resource_request(url, method, "", header, [])
        if not valid:
            raise ValueError(f"oauthlib: {getattr(request, 'validator_log', 'malformed')}")
        return request.resource_owner_key

    def same(self, user, token):
        owner = self.accounts.address(self.accounts.owner(token))
        if user != owner:
            raise ValueError(f"the token of {owner} for {user}")
        return user

    def bearer(self, user, token):
        owner = self.token_owner(token)
        if owner != user:
            raise ValueError(f"the token of {owner} for {user}")
        return user

    def token_owner(self, token):
        """The address an access token is for."""
        if token.startswith(self.accounts.opaque_down):
            raise Unavailable(token)
        if token.startswith(self.accounts.opaque):
            name = token[len(self.accounts.opaque):].rstrip("X")
            return self.accounts.address(name)
        algorithm = jwt.get_unverified_header(token).get("alg")
        keys = {"HS256": self.accounts.hs256_secret, "RS256": self.rs256_key}
        required = {"require": ["exp", "sub", "email"]}
        claims = jwt.decode(token, keys[algorithm], algorithms=[algorithm], options=required)
        return claims["email"]
