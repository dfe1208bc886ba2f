import { challengeProtocol, serverNameOf } from '../../core/ca/tls-alpn.ts';
import { reasonOf } from '../../core/errors/errors.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import { isForbiddenAddress, isPublicAddress } from '../../core/names/address.ts';
import { tlsAlpn01PortOf } from '../../core/spec/spec.ts';
import type { Engine } from '../engine.ts';
import type { Finding } from './finding.ts';
import { type Answer, lookAtAddresses, type PathLook } from './request-path.ts';

/** How long one handshake may take, as for a request by the public path. */
const handshakeMs = 3_000;
/** OpenSSL's code for a server that does not speak `acme-tls/1`. */
const noProtocol = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';

export interface HandshakeLook extends Omit<PathLook, 'engine' | 'expected'> {
  readonly engine: PathLook['engine'] & Pick<Engine, 'pki'>;
  /** The key authorization whose digest the certificate must have (RFC 8737 §3). */
  readonly expected: string;
}

/**
 * Performs one handshake with every address of the name, as the CA does for TLS-ALPN-01.
 *
 * @param onlyAsTheCa private addresses are contacted only if the operator's resolvers see what the CA sees
 */
export const lookAtHandshake = (
  look: HandshakeLook,
  { onlyAsTheCa = false }: { readonly onlyAsTheCa?: boolean } = {},
): Promise<Finding> => {
  const port = tlsAlpn01PortOf(look.settings);
  return lookAtAddresses(look, {
    advice: `Make TLS connections of the protocol ${challengeProtocol} to port ${port} of ${look.identifier.value} reach the solver from the whole internet, without a proxy that ends TLS.`,
    lookAt: async (address, asTheCa) =>
      onlyAsTheCa && !asTheCa && !isPublicAddress(address)
        ? { verdict: 'cannot-tell', finding: `${address} is private, so it was not asked; a public CA cannot reach it` }
        : lookAtAddress(look, address, asTheCa),
  });
};

async function lookAtAddress(look: HandshakeLook, address: string, asTheCa: boolean): Promise<Answer> {
  const { engine, settings, identifier, expected, deadline } = look;
  const proof = asTheCa || isPublicAddress(address) ? 'no' : 'cannot-tell';
  if (isForbiddenAddress(address))
    return { verdict: 'cannot-tell', finding: `${address} is link-local or a metadata address, so it was not asked` };
  const limit = engine.clock.deadline(handshakeMs, deadline.signal);
  const port = tlsAlpn01PortOf(settings);
  const where = `port ${port} of ${address}`;
  try {
    const endpoint = { address, port, serverName: serverNameOf(identifier), protocol: challengeProtocol };
    const { certificateDer, protocol } = await engine.vantage.handshake(endpoint, limit.signal);
    if (protocol !== challengeProtocol)
      return { verdict: proof, finding: `${where} does not speak ${challengeProtocol}`, isWrong: true };
    if (engine.pki.answersAlpn(certificateDer, identifier, expected))
      return { verdict: 'pass', finding: `${address} gives the right answer` };
    return { verdict: proof, finding: `${where} speaks ${challengeProtocol} with another certificate`, isWrong: true };
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { readonly code?: unknown };
    if (code === noProtocol)
      return { verdict: proof, finding: `${where} does not speak ${challengeProtocol}`, isWrong: true };
    const reason = remoteText(reasonOf(error));
    return { verdict: 'cannot-tell', finding: `${where} did not complete a TLS handshake: ${reason}` };
  } finally {
    limit.done();
  }
}
