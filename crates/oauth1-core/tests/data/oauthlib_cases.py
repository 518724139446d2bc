"""Requests, and what oauthlib 3.2.2 says of them: `oauthlib_cases.py COUNT SEED`, a case a line.

What oauthlib refuses is left out: port 0, and a percent sign without two digits in a query.
"""

import json
import random
import sys
from urllib.parse import quote, urlsplit

from oauthlib.oauth1.rfc5849 import signature

TEXTS = [
    "", "a", "b", "z9", "A", "-._~", "a b", "a+b", "a%20b", "%", "100%", "&", "=", "a=b&c=d", "\"", "'", "\\", ",", ";",
    "/", "?", "#", ":", "@", "[", "]", "!", "*", "(", ")", "\u00e9", "e\u0301", "\u00df", "\u4e2d\u6587", "\U0001f600",
    "\u00a0", "\u2028", "\ufeff", "\u0131", "~", "^", "`", "{|}", "<>", "\t", "a\nb", "0", "00", "x" * 40,
]
NAMES = ["a", "a1", "a b", "A", "b", "b5", "c@", "c2", "q", "\u00e9", "z", "file", "size", "oauth", "Oauth_x", "realm", "a+", ""]
HOSTS = [
    "example.com", "EXAMPLE.com", "a.b-c.example", "xn--bcher-kva.example", "127.0.0.1", "[::1]", "[2001:db8::1]", "[2001:DB8:0:0::1]", "[::ffff:1.2.3.4]", "b\u00fccher.example", "localhost",
    "user@example.com", "user:pw@example.com", "example.com.",
]
PORTS = ["", "", "", ":80", ":443", ":8080", ":1", ":65535", ":", ":0", ":080"]
PATHS = [
    "", "/", "/a", "/a/b", "/a//b", "/a/../b", "/a/./b", "/%7Eme", "/%7eme", "/a%20b", "/a;v=1", "/a;v=1/b", "/r%2Fs", "/A/b",
    "/a,b", "/a=b", "/a:b@c", "/~me", "/*", "/!$'()", "/a+b", "/%E2%82%AC", "/\u20ac", "/a b", "/mail/b/user@example.com/imap/",
]
ODD = ["", "a3", "a3=", "=x", "=", "a=b=c", "%zz=1", "%=%2", "a;b=c", "%ff=1"]
METHODS = ["GET", "POST", "get", "PUT", "DELETE", "HEAD", "PATCH", "Options"]


def encoded(dice, text):
    """As a form may write it: some escape what they need not, some write a space as a plus sign."""
    kind = dice.randrange(4)
    if kind == 0:
        return quote(text, safe="")
    if kind == 1:
        return quote(text, safe="").replace("%20", "+")
    if kind == 2:
        return quote(text, safe="~!*'(),:@/?$")
    return "".join(f"%{octet:02x}" for octet in text.encode())


def pairs(dice, most):
    return [(dice.choice(NAMES), dice.choice(TEXTS)) for _ in range(dice.randrange(most + 1))]


def case(dice):
    query = [(name, value) for name, value in pairs(dice, 4) if name]
    if query and dice.randrange(3) == 0:
        query.append(query[0])
    parts = [f"{encoded(dice, name)}={encoded(dice, value)}" for name, value in query]
    if dice.randrange(4) == 0:
        parts.insert(0, dice.choice(ODD))
    text = "&".join(parts)
    url = dice.choice(["http://", "https://", "HTTP://"]) + dice.choice(HOSTS) + dice.choice(PORTS) + dice.choice(PATHS)
    url += f"?{text}" if text or dice.randrange(6) == 0 else ""
    url += dice.choice(["", "", "", "#part"])
    form = [(name, value) for name, value in pairs(dice, 3) if name]
    key = dice.choice([text for text in TEXTS if text and text.isprintable()])
    token = dice.choice([None, "tok", "1/x_y", "\u00e9+"])
    method_name = dice.choice(["HMAC-SHA1", "HMAC-SHA256"])
    nonce = "".join(dice.choice("abc012") for _ in range(8))
    protocol = [
        ("oauth_consumer_key", key), ("oauth_nonce", nonce), ("oauth_timestamp", str(dice.randrange(1, 2**31))),
        ("oauth_signature_method", method_name), ("oauth_version", "1.0"),
    ]
    if token is not None:
        protocol.append(("oauth_token", token))
    secrets = [dice.choice([text for text in TEXTS if text.isprintable()]) for _ in range(2)]
    if token is None:
        secrets[1] = ""
    made = {
        "method": dice.choice(METHODS), "url": url, "form": form, "key": key, "token": token, "nonce": nonce,
        "timestamp": protocol[2][1], "signature_method": method_name, "secrets": secrets,
    }
    try:
        # It decodes parameters of the protocol as those of a header.
        escaped = [(name, quote(value, safe="~")) for name, value in protocol]
        collected = signature.collect_parameters(uri_query=urlsplit(url).query, body=form + escaped)
        base = signature.signature_base_string(
            made["method"], signature.base_string_uri(url), signature.normalize_parameters(collected))
        sign = signature._sign_hmac("SHA-1" if method_name == "HMAC-SHA1" else "SHA-256", base, *secrets)
        made.update({"base_string": base, "signature": sign})
    except ValueError:
        return None
    return made


def main():
    dice = random.Random(int(sys.argv[2]))
    left = int(sys.argv[1])
    while left > 0:
        made = case(dice)
        if made is not None:
            print(json.dumps(made))
            left -= 1


main()
