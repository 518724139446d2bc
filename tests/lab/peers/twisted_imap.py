"""Twisted's IMAP server with the four mechanisms, each judged by `judge`."""

import argparse
import json
from pathlib import Path

from twisted.cred import checkers, credentials, error, portal
from twisted.internet import defer, reactor, ssl
from twisted.internet.protocol import Factory
from twisted.mail import imap4
from twisted.mail.interfaces import IChallengeResponse
from zope.interface import Interface, implementer

from judge import ACKNOWLEDGEMENT, DOCUMENTS, MECHANISMS, Accounts, Judge


class ISaslMessage(Interface):
    """Credentials that are the message of a client."""


@implementer(ISaslMessage, IChallengeResponse, credentials.ICredentials)
class Exchange:
    """One exchange: an empty challenge, then perhaps an error document."""

    def __init__(self, judge, log, mechanism):
        self.judge, self.log, self.mechanism = judge, log, mechanism
        self.verdict = None
        self.acknowledged = False

    def getName(self):
        return self.mechanism.encode()

    def getChallenge(self):
        if self.verdict is None:
            return b""
        return json.dumps(DOCUMENTS[self.mechanism], separators=(",", ":")).encode()

    def setResponse(self, response):
        if self.verdict is None:
            self.verdict = self.judge.judge(self.mechanism, response)
            print(self.mechanism, self.verdict, file=self.log)
            return
        if response != ACKNOWLEDGEMENT[self.mechanism]:
            print("complaint", self.mechanism, "acknowledged by", response, file=self.log)
        self.acknowledged = True

    def moreChallenges(self):
        return self.verdict is None or (self.verdict.user is None and not self.acknowledged)


@implementer(checkers.ICredentialsChecker)
class Checker:
    credentialInterfaces = (ISaslMessage,)

    def requestAvatarId(self, exchange):
        if exchange.verdict and exchange.verdict.user:
            return exchange.verdict.user.encode()
        return defer.fail(error.UnauthorizedLogin())


@implementer(portal.IRealm)
class Realm:
    def __init__(self):
        self.accounts = {}

    def requestAvatar(self, avatar, mind, *interfaces):
        account = self.accounts.setdefault(avatar, imap4.MemoryAccount(avatar))
        account.mailboxes.setdefault("INBOX", Mailbox())
        return imap4.IAccount, account, lambda: None


@implementer(imap4.IMailbox)
class Mailbox:
    """An empty mailbox: what is tested is how one gets to it."""

    def getFlags(self):
        return ["\\Seen", "\\Deleted"]

    def getHierarchicalDelimiter(self):
        return "/"

    def getUIDValidity(self):
        return 1

    def getUIDNext(self):
        return 1

    def getMessageCount(self):
        return 0

    def getRecentCount(self):
        return 0

    def getUnseenCount(self):
        return 0

    def isWriteable(self):
        return True

    def addListener(self, listener):
        pass

    def removeListener(self, listener):
        pass

    def destroy(self):
        pass

    def requestStatus(self, names):
        return imap4.statusRequestHelper(self, names)


class Servers(Factory):
    def __init__(self, judge, log, context):
        self.judge, self.log, self.context = judge, log, context
        self.portal = portal.Portal(Realm(), [Checker()])

    def buildProtocol(self, address):
        server = imap4.IMAP4Server(contextFactory=self.context)
        for name in MECHANISMS:
            server.challengers[name.encode()] = lambda name=name: Exchange(self.judge, self.log, name)
        server.portal = self.portal
        server.factory = self
        return server


def main(options):
    accounts = Accounts(options.accounts)
    judge = Judge(accounts, Path(options.rs256).read_text(), [options.imap, options.imaps])
    log = open(f"{options.dir}/twisted.log", "a", buffering=1, encoding="utf-8")
    context = ssl.DefaultOpenSSLContextFactory(f"{options.dir}/server.key", f"{options.dir}/server.crt")
    factory = Servers(judge, log, context)
    reactor.listenTCP(options.imap, factory, interface="127.0.0.1")
    reactor.listenSSL(options.imaps, factory, context, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("dir", "accounts", "rs256"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("imap", "imaps"):
        parser.add_argument(f"--{name}", type=int, required=True)
    main(parser.parse_args())
