import type { Deployer, Look, VersionBundle, VersionRef } from '../../ports/deployer.ts';
import type { Elb } from './elb.ts';
import { certificateIn, covers, type ElbCertificate, namesOf } from './elb-certificates.ts';
import { rightsOf } from './elb-rights.ts';

/** Runs a step at ELB, and makes its errors errors of the target. */
export type OnElb = <T>(version: VersionRef, signal: AbortSignal, step: () => Promise<T>) => Promise<T>;

/** A target that is one certificate, which is replaced whatever uses it. There is nothing to upload before. */
export function inPlace(elb: Elb, id: string, onElb: OnElb): Deployer {
  const path = `certificates/${id}`;
  const read = async (signal: AbortSignal) => certificateIn(await elb.get(path, 'certificate', signal));
  function check(version: VersionBundle, old: ElbCertificate): void {
    if (old.isCopy) throw new Error(`the certificate ${id} belongs to Cloud Certificate Manager: replace it there`);
    const lost = old.names.find((one) => !covers(namesOf(version), one));
    if (lost !== undefined && !version.stored?.includes(old.fingerprint))
      throw new Error(`the certificate ${id} is also for ${lost}, which the new one does not cover`);
  }
  return {
    type: 'huawei-elb',
    scope: 'fleet',
    resource: `huawei-elb certificate ${id}`,
    async check(_wanted, signal) {
      const { name } = await read(signal);
      return `the certificate ${id} (${name}) is replaced`;
    },
    rights: (signal) =>
      rightsOf({ reads: { 'elb:certificates:get': read }, changes: ['elb:certificates:put'] }, signal),
    look: (version, signal) =>
      onElb(version, signal, async (): Promise<Look> => {
        const { fingerprint } = await read(signal);
        if (fingerprint === version.facts.fingerprint) return { state: 'current', detail: `${id} is it` };
        const state = version.stored?.includes(fingerprint) ? 'stale' : 'absent';
        return { state, detail: `${id} is another certificate` };
      }),
    stage: (version, _note, signal) =>
      onElb(version, signal, async () => {
        check(version, await read(signal));
        return {};
      }),
    activate: (version, _staged, _note, signal) =>
      onElb(version, signal, async () => {
        const old = await read(signal);
        if (old.fingerprint === version.facts.fingerprint) return;
        check(version, old);
        // Without names for SNI it stays the default certificate of listeners alone.
        const domain = old.domain.length > 0 ? { domain: namesOf(version).join(',') } : {};
        const certificate = { certificate: version.fullchainPem, private_key: version.keyPem.reveal(), ...domain };
        await elb.change({ method: 'PUT', path, body: { certificate }, secrets: [version.keyPem] }, signal);
      }),
  };
}
