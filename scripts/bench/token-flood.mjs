// Requests random tokens at a steady rate, until it gets a SIGTERM. Then it prints what it has done as JSON.
//   node token-flood.mjs <requests a second> <port>…
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const [rate, ...ports] = process.argv.slice(2).map(Number);
const connectionsEach = 16;
/** What is open: beyond it, the responders do not follow, and no more is asked for. */
const mostOpen = rate;

let [sent, answered] = [0, 0];
const others = {};
const sockets = ports.flatMap((port) =>
  Array.from({ length: connectionsEach }, () => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let rest = '';
    socket.on('data', (bytes) => {
      const text = rest + bytes.toString('latin1');
      let end = 0;
      for (const { 0: line, 1: code, index } of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        answered += 1;
        if (code !== '404') others[code] = (others[code] ?? 0) + 1;
        end = index + line.length;
      }
      // The next line may have begun.
      rest = text.slice(Math.max(end, text.length - 'HTTP/1.1 40'.length));
    });
    socket.on('close', () => {
      process.stderr.write('token-flood: a responder has ended a connection\n');
      process.exit(1);
    });
    socket.on('error', (error) => {
      process.stderr.write(`token-flood: ${error.message}\n`);
      process.exit(1);
    });
    return socket;
  }),
);
const began = performance.now();
const ask = () =>
  `GET /.well-known/acme-challenge/${randomBytes(32).toString('base64url')} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
const timer = setInterval(() => {
  const due = Math.min(Math.floor(((performance.now() - began) * rate) / 1_000) - sent, mostOpen - (sent - answered));
  if (due <= 0) return;
  const requests = sockets.map(() => '');
  for (let n = 0; n < due; n += 1) requests[(sent + n) % sockets.length] += ask();
  sent += due;
  for (const [at, text] of requests.entries()) if (text !== '') sockets[at].write(text);
}, 10);
process.on('SIGTERM', () => {
  clearInterval(timer);
  const seconds = (performance.now() - began) / 1_000;
  for (const socket of sockets) socket.removeAllListeners('close');
  process.stdout.write(JSON.stringify({ perSecond: answered / seconds, others }), () => process.exit(0));
});
