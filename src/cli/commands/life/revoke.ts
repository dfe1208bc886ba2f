import { type FailOptions, fail, isFailure, reasonOf } from '../../../core/errors/errors.ts';
import { Secret } from '../../../core/errors/secret.ts';
import { type RevocationReason, revocationReasons } from '../../../core/lineage/revocation.ts';
import { withLetters } from '../../../core/names/letters.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import { present } from '../../../core/text/present.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import type { ForeignCertificate, LineageStatus, RevokeAnswer, RevokeRequest } from '../../../fleet.ts';
import type { Run, Session } from '../../context.ts';
import { issuerFromFlags } from '../../flags/issuer.ts';
import { certificateNames } from '../../flags/names.ts';
import { listOf, textOf, wholePathOf } from '../../flags/values.ts';
import { reportStart, tellOutcomes } from '../../output/outcomes.ts';
import { dateText } from '../../output/text.ts';

/** `certfleet revoke NAME`, or `certfleet revoke --cert-path FILE`. */
export const revoke: Run = async (session) => {
  const { args, flags } = session.invocation;
  const [name, another] = await certificateNames(session, [...args, ...listOf(flags['name'])]);
  const file = textOf(flags['certPath']);
  if (another !== undefined || (name === undefined) === (file === undefined))
    throw fail('usage/arguments', {
      what: 'one certificate to revoke',
      form: 'certfleet revoke NAME|--cert-path FILE',
    });
  const reason = reasonFrom(flags);
  const by = signerFrom(flags);
  const what = file === undefined ? name! : await readForeign(session, file);
  const fleet = await session.fleet({ makeStore: false }).catch((error: unknown) => {
    // The certificate's key is enough for this, so no store is needed.
    if (!isFailure(error, 'store/absent') || typeof what === 'string' || !what.keyPem) throw error;
    return session.fleet({ makeStore: true, inMemory: true });
  });
  const found = name === undefined ? undefined : (await fleet.status([name], session.signal))[0];
  await confirm(session, found, file ?? name!, reason);
  await reportStart(session, 'revoke');
  const request: RevokeRequest = { what, reason, by };
  const answer = await fleet.revoke(request, session.signal);
  await tell(session, answer, reason);
  if (answer.outcomes.length === 0) return 0;
  return tellOutcomes(answer.outcomes, session, { command: 'issue' });
};

type Flags = Session['invocation']['flags'];

function reasonFrom(flags: Flags): RevocationReason {
  const typed = textOf(flags['reason']) ?? 'unspecified';
  const known = Object.keys(revocationReasons) as RevocationReason[];
  // certbot accepts reasons in lower case.
  const reason = known.find((one) => one.toLowerCase() === typed.toLowerCase());
  if (reason) return reason;
  throw fail('usage/unknown-value', {
    typed: `--reason ${typed}`,
    known: `one of ${known.join(', ')}`,
    nearest: didYouMean(typed, known),
  });
}

const signers = ['account-key', 'certificate-key'] as const;

function signerFrom(flags: Flags): RevokeRequest['by'] {
  const typed = textOf(flags['with']) ?? 'account-key';
  const signer = signers.find((one) => one === typed);
  if (signer) return signer;
  throw fail('usage/unknown-value', {
    typed: `--with ${typed}`,
    known: signers.join(' or '),
    nearest: didYouMean(typed, signers),
  });
}

const unreadable = (typed: string, reason: string, options?: FailOptions) =>
  fail('usage/file-unreadable', { typed, reason }, options);

/** Reads the certificate of --cert-path and the key of --key-path. */
async function readForeign(session: Session, file: string): Promise<ForeignCertificate> {
  const { flags } = session.invocation;
  const keyFile = textOf(flags['keyPath']);
  const certificatePem = await readNamed(session, '--cert-path', file);
  if (!certificatePem.includes('-----BEGIN CERTIFICATE-----'))
    throw unreadable(`--cert-path ${file}`, 'this is not a certificate in PEM');
  const issuer = await issuerFromFlags(session, await session.declared(), { opensAccount: false });
  if (keyFile === undefined) return { certificatePem, issuer };
  const keyPem = new Secret(await readNamed(session, '--key-path', keyFile));
  if (!/-----BEGIN (\w+ )?PRIVATE KEY-----/.test(keyPem.reveal()))
    throw unreadable(`--key-path ${keyFile}`, 'this is not a private key in PEM');
  if (/-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(keyPem.reveal()))
    throw unreadable(`--key-path ${keyFile}`, 'this key is encrypted', {
      hint: `\`openssl pkey -in ${shellWord(keyFile)}\` prints it decrypted.`,
    });
  return { certificatePem, issuer, keyPem };
}

async function readNamed(session: Session, flag: string, file: string): Promise<string> {
  const path = wholePathOf(`${flag} `, file, session.context.env);
  const { files } = await session.world();
  const bytes = await files.read(path, { named: true }).catch((error: unknown) => {
    throw isFailure(error) ? error : unreadable(`${flag} ${file}`, reasonOf(error));
  });
  if (!bytes) throw unreadable(`${flag} ${file}`, 'there is no such file');
  return new TextDecoder().decode(bytes);
}

/** Asks for confirmation, at the terminal or through --yes, because a revocation cannot be undone. */
async function confirm(
  session: Session,
  found: LineageStatus | undefined,
  what: string,
  reason: RevocationReason,
): Promise<void> {
  if (session.invocation.flags['yes'] === true) return;
  const shown = withLetters(what);
  const until = found?.notAfter === undefined ? '' : `, valid until ${dateText(found.notAfter, await session.now())},`;
  const answer = session.json
    ? undefined
    : await session.context.ask?.(
        `Revoke the certificate ${shown}${until} for ever (reason: ${reason})? [y/N] `,
        session.signal,
      );
  const revocation = `the revocation of ${shown}`;
  if (answer === undefined) throw fail('usage/needs-yes', { what: `${revocation}, which cannot be undone,` });
  if (!/^y(es)?$/i.test(answer)) throw fail('usage/not-confirmed', { what: revocation });
}

/** Prints what was done, and what to do next. */
async function tell(session: Session, answer: RevokeAnswer, reason: RevocationReason): Promise<void> {
  const { certificate, revoked, isCurrent, isReplaced, outcomes } = answer;
  const name = certificate === undefined ? 'The certificate' : withLetters(certificate);
  const lines = revoked.map(({ serial, when, reason: kept }) => {
    if (when === 'now') return `${name}: revoked (serial ${serial}, ${kept})`;
    const first = kept === reason ? '' : `; the CA keeps the first reason, ${kept}`;
    return `${name}: had been revoked before (serial ${serial})${first}`;
  });
  const message = lines.join('\n') || `${name}: has expired, so there was nothing to revoke`;
  const data = { revoked: revoked.map((one) => ({ ...one })), reason, isCurrent, isReplaced };
  if (outcomes.length === 0)
    session.reporter.report({
      v: 1,
      time: (await session.now()).toISOString(),
      level: 'info',
      event: 'run.finished',
      ...present({ certificate }),
      message: message.split('\n').join('; '),
      data: { exitCode: 0, ...data },
    });
  if (session.quiet) return;
  const next = nextLine(answer, reason);
  session.print([message, ...(next === undefined ? [] : [`  ${next}`])].join('\n'));
}

function nextLine({ certificate, isCurrent, isReplaced, outcomes }: RevokeAnswer, reason: RevocationReason) {
  if (certificate === undefined || outcomes.length > 0) return undefined;
  if (!isCurrent) return 'Next: nothing to do; the certificate in use is another one.';
  if (isReplaced) return 'Next: the next `certfleet renew` gets another certificate.';
  if (reason === 'keyCompromise')
    return 'Next: it is not renewed, so it stays without a certificate that clients accept.';
  return `Next: it is not renewed any more. \`certfleet issue ${certificate}\` gets another certificate, \`certfleet delete ${certificate}\` removes it from the store.`;
}
