import { get } from 'node:https';
import type { TLSSocket } from 'node:tls';

interface Fetched {
  readonly body: string;
  readonly serial: string;
}

/** Fetches a page over HTTPS from a port of this machine. Verifies the chain against the root, and the name. */
export const fetchPage = (port: number, host: string, root: string): Promise<Fetched> =>
  new Promise((answer, reject) => {
    get(
      { host: '127.0.0.1', port, servername: host, headers: { host }, ca: root, agent: false, timeout: 5_000 },
      (response) => {
        const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate();
        let body = '';
        response.setEncoding('utf8').on('data', (part) => {
          body += part;
        });
        response.on('end', () => answer({ body, serial: serialNumber }));
      },
    )
      .once('timeout', function (this: import('node:http').ClientRequest) {
        this.destroy(new Error('no answer in 5 s'));
      })
      .once('error', reject);
  });
