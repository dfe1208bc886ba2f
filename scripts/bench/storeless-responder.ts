// A responder of certfleet without a store, which knows no token: the peer of the row `pg-tokens`.
//   node storeless-responder.js <port>

import { createChallengeServer } from '../../src/responder/server.ts';

const server = createChallengeServer({
  lookup: () => undefined,
  proof: () => Promise.reject(new Error('there is no store')),
});
await server.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
process.stdout.write('"run.ready"');
