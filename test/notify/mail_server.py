"""A mail server for tests, by aiosmtpd: options as JSON in argv[1]; prints its port, then each message as a line of JSON. Ends with stdin."""
import asyncio
import base64
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult

options = json.loads(sys.argv[1])
# Clients that turn away are what the tests are about.
logging.disable()
warnings.simplefilter("ignore")


def say(what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        answer = options.get("refuse", {}).get(address)
        if answer is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(options.get("delayMs", 0) / 1000)
        if "dataAnswer" in options:
            return options["dataAnswer"]
        say({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": base64.b64encode(envelope.original_content).decode(),
            "login": getattr(session, "logged_in", None),
            "tls": session.ssl is not None or options.get("security") == "tls",
        })
        return "250 OK"


class Authenticator:
    def __call__(self, server, session, envelope, mechanism, data):
        given = [data.login.decode(), data.password.decode()]
        say({"attempt": given[0], "tls": session.ssl is not None or options.get("security") == "tls"})
        if given != [options["username"], options["password"]]:
            return AuthResult(success=False, handled=False)
        session.logged_in = given[0]
        return AuthResult(success=True)


async def main():
    context = None
    if "cert" in options:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["cert"], options["key"])
    security = options.get("security")
    if options.get("silent"):
        async def silent(reader, writer):
            await reader.read()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
    else:
        with_auth = {"authenticator": Authenticator(), "auth_required": True} if "username" in options else {}

        def factory():
            return SMTP(
                Handler(),
                hostname="mail.test",
                tls_context=context if security == "starttls" else None,
                require_starttls=False,
                auth_require_tls=security == "starttls",
                **with_auth,
            )

        loop = asyncio.get_running_loop()
        server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context if security == "tls" else None)
    say({"port": server.sockets[0].getsockname()[1]})
    # A line on stdin asks whether all is said that there is to say.
    await asyncio.get_running_loop().run_in_executor(None, lambda: [say({"said": True}) for _ in sys.stdin])
    server.close()


asyncio.run(main())
