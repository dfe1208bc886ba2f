import { type AdapterOfKind, whoseOptions } from '../../../config/adapters/each-adapter.ts';
import type { NamedAdapter } from '../../../core/spec/spec.ts';
import { shortList } from '../../../core/text/short-list.ts';
import { durationMs } from '../../../core/text/span.ts';
import type { Fleet } from '../../../fleet.ts';
import type { Session } from '../../context.ts';
import { cutAt, listOf, textOf, wholePathOf } from '../../flags/values.ts';
import { registryOf } from '../../registry.ts';

/**
 * Handles certbot's flags for a DNS plugin at `renew`: the stored settings count, as everywhere in `renew`, and a note
 * names the certificates whose settings differ.
 */
export async function tellStored(session: Session, fleet: Fleet, names: readonly string[]): Promise<void> {
  const { flags } = session.invocation;
  const provider = textOf(flags['dns']) ?? textOf(flags['impliedDns']) ?? '';
  const all = names.length > 0 ? names : (await fleet.status([], session.signal)).map(({ name }) => name);
  const registry = await registryOf(session);
  const others: string[] = [];
  for (const name of all) {
    const stored = await fleet.stored(name, session.signal).catch(() => undefined);
    if (
      stored?.spec.parts.some(({ solver }) =>
        differs(whoseOptions('solver', solver, registry), solver, { provider, session }),
      )
    )
      others.push(name);
  }
  const [first] = others;
  if (first === undefined) return;
  session.note(
    `${shortList(others)} keep${others.length === 1 ? 's' : ''} other settings of the DNS provider ${provider}; to change them: certfleet issue ${first} with the same flags`,
  );
}

function differs(
  { kind, settings: stored }: AdapterOfKind,
  { settings: solver }: NamedAdapter,
  { provider, session: { invocation, context } }: { readonly provider: string; readonly session: Session },
): boolean {
  const { flags } = invocation;
  if (kind !== 'dns' || stored.type !== provider) return false;
  const propagation = textOf(flags['propagation']);
  if (propagation !== undefined && durationMs(propagation) !== durationMs(String(solver['propagation'] ?? '0s')))
    return true;
  return listOf(flags['dnsOption']).some((text) => {
    const [option, value = ''] = cutAt(text, '=');
    const wanted = option === 'credentials' ? wholePathOf('', value, context.env) : value;
    return String(stored[option] ?? '') !== wanted;
  });
}
