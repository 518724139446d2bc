"""The authentication service of the lab: Dovecot's auth protocol in front of `judge`.

Exim, Postfix and the login processes of Dovecot ask it about every SASL exchange (client protocol); the
mail processes of Dovecot ask it who has logged in and where mail is kept (master protocol). It also
answers token introspection (RFC 7662) for Dovecot's own auth process, and one question a connection
for Exim's `readsocket`.
"""

import argparse
import asyncio
import base64
import binascii
import json
import os
import secrets
import sys
from pathlib import Path

from judge import ACKNOWLEDGEMENT, DOCUMENTS, MECHANISMS, Accounts, Judge, Unavailable

PID = os.getpid()


class Service:
    def __init__(self, judge, mail, uid, log):
        self.judge = judge
        self.mail = mail
        self.uid = uid
        self.log = log
        self.connections = 0
        # Logins that a mail process may ask about: (connection, id) -> user.
        self.logins = {}

    def note(self, *words):
        print(*words, file=self.log, flush=True)

    def greet(self, writer):
        """What a client hears first; returns the number of the connection."""
        self.connections += 1
        connection = str(self.connections)
        lines = ["VERSION\t1\t1"]
        lines += [f"MECH\t{name}" for name in MECHANISMS]
        cookie = secrets.token_hex(16)
        lines += [f"SPID\t{PID}", f"CUID\t{connection}", f"COOKIE\t{cookie}", "DONE"]
        send(writer, *lines)
        return connection

    async def dying(self, reader, writer):
        """A service that dies with the first question. Postfix asks for the mechanisms before."""
        self.greet(writer)
        async for words in commands(reader):
            if words[0] == "AUTH":
                break
        writer.close()

    async def client(self, reader, writer):
        """What Exim, Postfix and imap-login say: AUTH and CONT."""
        peer = self.greet(writer)
        exchanges = {}
        async for words in commands(reader):
            match words:
                case ["CPID", pid, *_]:
                    peer = pid
                case ["AUTH", number, mechanism, *parameters]:
                    exchange = exchanges[number] = Exchange(self, mechanism.upper())
                    response = next((p[5:] for p in parameters if p.startswith("resp=")), None)
                    # Without an initial response Exim sends an empty one.
                    self.answer(writer, exchanges, number, peer, exchange.begin(response or None))
                case ["CONT", number, *rest]:
                    if number in exchanges:
                        response = rest[0] if rest else ""
                        answer = exchanges[number].go_on(response)
                        self.answer(writer, exchanges, number, peer, answer)
                case ["CANCEL", number, *_]:
                    exchanges.pop(number, None)

    def answer(self, writer, exchanges, number, peer, answer):
        kind, *words = answer
        if kind != "CONT":
            del exchanges[number]
        if kind == "OK":
            self.logins[peer, number] = words[0].removeprefix("user=")
        send(writer, "\t".join([kind, number, *words]))

    async def master(self, reader, writer):
        """What imap and lmtp say: REQUEST about a login, USER about a recipient."""
        send(writer, "VERSION\t1\t1", f"SPID\t{PID}")
        async for words in commands(reader):
            match words:
                case ["REQUEST", number, peer, login, *_]:
                    user = self.logins.pop((peer, login), None)
                    send(writer, self.user("USER", number, user) if user else f"FAIL\t{number}")
                case ["USER", number, user, *_] if user.startswith("missing@"):
                    send(writer, f"NOTFOUND\t{number}")
                case ["USER", number, user, *_]:
                    send(writer, self.user("USER", number, user))
                case ["LIST", number, *_]:
                    send(writer, f"DONE\t{number}")

    def user(self, kind, number, user):
        # Nobody can write below a device: mail for this user fails when it is stored.
        mail = "/dev/null" if user.startswith("broken@") else self.mail
        home = f"{mail}/{user.split('@')[0]}"
        return f"{kind}\t{number}\t{user}\tuid={self.uid}\tgid={self.uid}\thome={home}"

    async def question(self, reader, writer):
        """`MECHANISM SP base64` from Exim's plaintext driver, which knows yes and no."""
        mechanism, message = (await reader.readline()).decode().split(" ")
        verdict = self.judge.judge(mechanism, base64.b64decode(message))
        self.note("question", mechanism, verdict)
        writer.write(b"yes" if verdict.user else b"no")
        writer.close()

    async def introspection(self, reader, writer):
        """RFC 7662; a token that says so finds the service broken."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = 0
            for line in head.split("\r\n"):
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            body = (await reader.readexactly(length)).decode("latin-1")
            token = dict(pair.split("=", 1) for pair in body.split("&")).get("token", "")
            answer = self.introspect(token)
        except (Unavailable, asyncio.IncompleteReadError):
            # Broken, as the token says; or a connection that was made in advance and not used.
            writer.close()
            return
        text = json.dumps(answer).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        writer.close()

    def introspect(self, token):
        try:
            email = self.judge.token_owner(token)
        except Unavailable:
            raise
        except Exception as error:  # Whatever a token can be, the answer is that it is none.
            self.note("introspection", "inactive", error)
            return {"active": False}
        return {"active": True, "email": email, "username": email}


class Exchange:
    """One SASL exchange: a message, then an error document and its acknowledgement."""

    def __init__(self, service, mechanism):
        self.service = service
        self.mechanism = mechanism
        self.refused = False

    def begin(self, response):
        if self.mechanism not in MECHANISMS:
            return ["FAIL"]
        return ["CONT", ""] if response is None else self.go_on(response)

    def go_on(self, response):
        try:
            message = base64.b64decode(response, validate=True)
        except binascii.Error:
            self.service.note("complaint", self.mechanism, "a response that is no base64")
            return ["FAIL", "reason=no base64"]
        if self.refused:
            if message != ACKNOWLEDGEMENT[self.mechanism]:
                self.service.note("complaint", self.mechanism, "acknowledged by", message)
            return ["FAIL"]
        verdict = self.service.judge.judge(self.mechanism, message)
        self.service.note(self.mechanism, verdict)
        if verdict.temporary:
            return ["FAIL", "temp", "code=temp_fail"]
        if verdict.user:
            return ["OK", f"user={verdict.user}"]
        self.refused = True
        document = json.dumps(DOCUMENTS[self.mechanism], separators=(",", ":"))
        return ["CONT", base64.b64encode(document.encode()).decode()]


async def commands(reader):
    """The lines of a peer, split at tabs, to the end of the connection."""
    while line := await reader.readline():
        yield line.decode("utf-8", "replace").rstrip("\n").split("\t")


def send(writer, *lines):
    writer.write("".join(line + "\n" for line in lines).encode())


async def listen(path, handler, after=None):
    """Listens on a socket that every user may reach, once the file `after` exists."""
    while after and not os.path.exists(after):
        await asyncio.sleep(0.005)
    Path(path).unlink(missing_ok=True)
    # A long line is a long token.
    server = await asyncio.start_unix_server(handler, path, limit=256 * 1024)
    os.chmod(path, 0o777)
    return server


async def main(options):
    accounts = Accounts(options.accounts)
    judge = Judge(accounts, Path(options.rs256).read_text(), options.ports.split(","))
    work = options.dir
    log = open(f"{work}/auth-service.log", "a", buffering=1, encoding="utf-8")
    service = Service(judge, f"{work}/dovecot-oauth1/mail", options.uid, log)
    await listen(f"{work}/auth.sock", service.client)
    await listen(f"{work}/dying.sock", service.dying)
    await listen(f"{work}/judge.sock", service.question)
    await asyncio.start_server(service.introspection, "127.0.0.1", options.http)
    if options.dovecot:
        # Dovecot makes its directories, and cleans them, as it starts.
        run = f"{work}/dovecot-oauth1/run"
        ready = f"{run}/login/imap"
        await listen(f"{run}/login/login", service.client, after=ready)
        for name in ("auth-login", "auth-master", "auth-userdb"):
            await listen(f"{run}/{name}", service.master)
    Path(f"{work}/auth-service.ready").touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("dir", "accounts", "rs256", "ports"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--http", type=int, required=True)
    parser.add_argument("--uid", type=int, required=True)
    parser.add_argument("--dovecot", action="store_true", help="serve the Dovecot without auth")
    try:
        asyncio.run(main(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(0)
