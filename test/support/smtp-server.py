"""Debian's aiosmtpd. A file says what becomes of the next mail, and stdout has a line of JSON for each event."""
import asyncio
import base64
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

given = json.loads(sys.argv[1])
seen = []


def say(**event):
    print(json.dumps(event), flush=True)


def authenticate(_server, _session, _envelope, mechanism, data):
    if isinstance(data, LoginPassword):
        seen[:] = [f"{data.login.decode()} {data.password.decode()}"]
        if data.login.decode() == given['username'] and data.password.decode() == given['password']:
            return AuthResult(success=True)
        say(event='refused', mechanism=mechanism)
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 Authentication failed for {seen[-1]}")
    return AuthResult(success=False, handled=False)


def next_mode():
    with open(given['control'], encoding='utf-8') as file:
        mode = file.read()
    if mode != 'hang':
        with open(given['control'], 'w', encoding='utf-8') as file:
            file.write('ok')
    return mode


class Handler:
    async def handle_MAIL(self, _server, _session, envelope, address, options):
        if address.startswith('forged@'):
            return '553 5.7.1 Sender address rejected: not owned by user'
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return '250 OK'

    async def handle_RCPT(self, _server, _session, envelope, address, options):
        if address.startswith('nobody@'):
            return '550 5.1.1 User unknown'
        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        now = next_mode()
        content = envelope.content.decode('utf-8', 'replace')
        say(event='data')
        if now == 'hang':
            await asyncio.sleep(3600)
        if now == 'fail':
            return '451 4.3.0 Try again later'
        if now == 'echo':
            return '554 5.7.1 ' + (' '.join(seen) + ' ' + base64.b64encode(' '.join(seen).encode()).decode() + ' ' + content).replace('\r', ' ').replace('\n', ' ')
        mail = {'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'content': content}
        say(event='mail', mail=mail)
        if now == 'lose':
            server.transport.abort()
        return '250 2.0.0 Queued'


async def main():
    loop = asyncio.get_running_loop()
    context = None
    if given.get('certificate'):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given['certificate'], given['key'])
    implicit = bool(given.get('tls'))

    def factory():
        more = {} if implicit or context is None else {'tls_context': context, 'require_starttls': True}
        login = {'authenticator': authenticate, 'auth_required': True, 'auth_require_tls': not implicit} if given.get('password') else {}
        return SMTP(Handler(), hostname='mail.test', enable_SMTPUTF8=True, loop=loop, **more, **login)

    server = await loop.create_server(factory, '127.0.0.1', 0, ssl=context if implicit else None)
    say(event='ready', port=server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


asyncio.run(main())
