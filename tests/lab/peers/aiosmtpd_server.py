"""aiosmtpd with the four mechanisms, each judged by `judge`. Messages are taken and dropped."""

import argparse
import asyncio
import base64
import json
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import MISSING, SMTP, AuthResult

from judge import ACKNOWLEDGEMENT, DOCUMENTS, Accounts, Judge


class Handler:
    def __init__(self, judge, log):
        self.judge, self.log = judge, log

    async def handle_DATA(self, server, session, envelope):
        return "250 2.0.0 Accepted"

    async def auth_XOAUTH(self, server, arguments):
        return await self.exchange("XOAUTH", server, arguments)

    async def auth_OAUTH10A(self, server, arguments):
        return await self.exchange("OAUTH10A", server, arguments)

    async def auth_XOAUTH2(self, server, arguments):
        return await self.exchange("XOAUTH2", server, arguments)

    async def auth_OAUTHBEARER(self, server, arguments):
        return await self.exchange("OAUTHBEARER", server, arguments)

    async def exchange(self, mechanism, server, arguments):
        answered = AuthResult(success=False, handled=True)
        if len(arguments) > 1:
            message = base64.b64decode(arguments[1])
        else:
            message = await server.challenge_auth("")
        if message is MISSING:
            return answered
        verdict = self.judge.judge(mechanism, message)
        print(mechanism, verdict, file=self.log)
        if verdict.user:
            return AuthResult(success=True, auth_data=verdict.user)
        if verdict.temporary:
            await server.push("454 4.7.0 Temporary authentication failure")
            return answered
        document = json.dumps(DOCUMENTS[mechanism], separators=(",", ":"))
        response = await server.challenge_auth(document)
        if response is MISSING:
            return answered
        if response != ACKNOWLEDGEMENT[mechanism]:
            print("complaint", mechanism, "acknowledged by", response, file=self.log)
        return AuthResult(success=False, handled=False)


async def main(options):
    accounts = Accounts(options.accounts)
    judge = Judge(accounts, Path(options.rs256).read_text(), [options.smtp, options.smtps])
    log = open(f"{options.dir}/aiosmtpd.log", "a", buffering=1, encoding="utf-8")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f"{options.dir}/server.crt", f"{options.dir}/server.key")
    settings = {
        "hostname": "localhost",
        "auth_required": True,
        "auth_exclude_mechanism": ["PLAIN", "LOGIN"],
        "data_size_limit": 64 * 1024 * 1024,
    }
    loop = asyncio.get_running_loop()

    def begin_in_the_clear():
        return SMTP(Handler(judge, log), tls_context=context, require_starttls=True, **settings)

    def begin_with_tls():
        # It does not know that it is under TLS already.
        return SMTP(Handler(judge, log), auth_require_tls=False, **settings)

    await loop.create_server(begin_in_the_clear, "127.0.0.1", options.smtp)
    await loop.create_server(begin_with_tls, "127.0.0.1", options.smtps, ssl=context)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("dir", "accounts", "rs256"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("smtp", "smtps"):
        parser.add_argument(f"--{name}", type=int, required=True)
    try:
        asyncio.run(main(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(0)
