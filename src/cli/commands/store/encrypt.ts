import { decryptStore, encryptStore } from '../../../whole-store.ts';
import type { Run, Session } from '../../context.ts';

/** `certfleet store encrypt`. */
export const encrypt: Run = async (session) => {
  const { location, count, key } = await encryptStore(...(await given(session)));
  session.printJson({ object: 'store', location, encrypted: true, key, written: count });
  session.print(
    count === 0
      ? `The store ${location} was already encrypted with the key ${key}.`
      : `The store ${location} is encrypted with the key ${key}: ${documents(count)}.`,
  );
  session.note(
    'Next: give the key to every command, best with `storeKey` in certfleet.yaml. Copies and backups from before still have the secrets in the clear.',
  );
  return 0;
};

/** `certfleet store decrypt`. */
export const decrypt: Run = async (session) => {
  const { location, count } = await decryptStore(...(await given(session)));
  session.printJson({ object: 'store', location, encrypted: false, written: count });
  session.print(`The store ${location} is no longer encrypted: ${documents(count)}.`);
  session.note('Next: remove `storeKey` from certfleet.yaml; otherwise new secrets are encrypted again.');
  return 0;
};

async function given(session: Session) {
  const [settings, world] = await Promise.all([session.settings(), session.world()]);
  return [settings, { world, env: session.context.env }, session.signal] as const;
}

const documents = (count: number): string =>
  count === 1 ? '1 document was written' : `${count} documents were written`;
