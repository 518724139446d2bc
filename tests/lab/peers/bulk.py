"""Python's own mail clients under measurement: `bulk.py --environment FILE flags|headers|whole|large|send`.

Each run is a process of its own, which tells in one line of JSON what was read or sent, what processor time
that took and how large the process was. The candidates of the workspace tell it in the same words. Only the
standard library is used.
"""

import argparse
import hashlib
import imaplib
import json
import re
import smtplib
import ssl
import time
from pathlib import Path

SENT = 5_000
SENDER = "bulk@example.test"


class Digest:
    """SHA-256 of the SHA-256 of each piece, in their order."""

    def __init__(self):
        self.count, self.octets, self.all = 0, 0, hashlib.sha256()

    def add(self, piece):
        self.count += 1
        self.octets += len(piece)
        self.all.update(hashlib.sha256(piece).digest())


class Meter:
    def __init__(self):
        self.base = memory("VmRSS")
        self.digests = 0.0
        self.wall = time.perf_counter()
        self.cpu = time.process_time()

    def aside(self, work, *arguments):
        """Does what belongs to the test and not to the client."""
        begin = time.process_time()
        work(*arguments)
        self.digests += time.process_time() - begin

    def print(self, digest):
        cpu = time.process_time() - self.cpu - self.digests
        wall = time.perf_counter() - self.wall
        told = {"count": digest.count, "octets": digest.octets, "digest": digest.all.hexdigest()}
        told |= {"cpu": cpu, "wall": wall, "base": self.base, "peak": memory("VmHWM")}
        print(json.dumps(told))


def memory(name):
    """KiB of this process, now (`VmRSS`) or at most (`VmHWM`): proc(5)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def read(lab, work):
    """One command for all messages: what costs imaplib the least time."""
    user = "bulklarge" if work == "large" else "bulk"
    item = {"flags": "FLAGS", "headers": "BODY.PEEK[HEADER]"}.get(work, "BODY.PEEK[]")
    context = ssl.create_default_context(cafile=f"{lab['dir']}/ca.crt")
    meter, digest = Meter(), Digest()
    session = imaplib.IMAP4_SSL("localhost", int(lab["port.dovecot-oauth1.imaps"]), ssl_context=context)
    login = f"user={user}@example.test\x01auth=Bearer opaque-token-of-{user}\x01\x01"
    session.authenticate("XOAUTH2", lambda challenge: login.encode())
    session.select("INBOX")
    status, answer = session.uid("FETCH", "1:*", f"({item})")
    if status != "OK":
        raise SystemExit(f"FETCH: {status}")
    for part in answer:
        if work == "flags":
            uid = re.search(rb"UID (\d+)", part).group(1).decode()
            flags = sorted(flag.decode() for flag in imaplib.ParseFlags(part))
            meter.aside(digest.add, f"{uid} {' '.join(flags)}\n".encode())
        elif isinstance(part, tuple):
            meter.aside(digest.add, part[1])
    session.logout()
    meter.print(digest)


def message(number):
    header = (
        f"From: Bulk <{SENDER}>\r\nTo: <reader{number}@example.test>\r\n"
        f"Subject: message {number} of many\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\n"
        f"Message-ID: <{number}.bulk@example.test>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    words = "all is well, and there is more of it where this came from."
    lines = (
        f"{'.' if line % 5 == 0 else ''}{line:04} of message {number:05}: {words}\r\n"
        for line in range(number * 7919 % 97 + 4)
    )
    return (header + "".join(lines)).encode()


def send(lab):
    messages = [(f"reader{number}@example.test", message(number)) for number in range(1, SENT + 1)]
    meter, digest = Meter(), Digest()
    # The name is given, so that no name server is asked for it.
    session = smtplib.SMTP("127.0.0.1", int(lab["port.sink.smtp"]), local_hostname="localhost")
    for to, text in messages:
        if session.sendmail(SENDER, [to], text):
            raise SystemExit(f"{to} was refused")
        # It tells no code; without an exception it was this one.
        digest.add(b"250")
    session.quit()
    meter.print(digest)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--environment", required=True)
    parser.add_argument("work", choices=["flags", "headers", "whole", "large", "send"])
    options = parser.parse_args()
    lines = Path(options.environment).read_text(encoding="utf-8").splitlines()
    lab = dict(line.split("=", 1) for line in lines if "=" in line)
    if options.work == "send":
        send(lab)
    else:
        read(lab, options.work)
