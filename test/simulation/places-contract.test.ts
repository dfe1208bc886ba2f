import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import type { VersionBundle } from '../../src/ports/deployer.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { createFleetTarget, minuteMs } from '../support/fleet-target.ts';

// The contract of deployers, with all that only targets at a cloud can show, on a target in memory.

let made = 0;

function versionOf(lineage: string): VersionBundle {
  const id = `v${++made}`;
  const fingerprint = createHash('sha256').update(id).digest('hex');
  const facts = {
    ...{ identifiers: [{ type: 'dns', value: 'example.com' }], fingerprint, serial: id, issuerName: 'Test' },
    ...{ notBefore: '2026-11-01T00:00:00Z', notAfter: '2027-02-01T00:00:00Z' },
  } as unknown as VersionBundle['facts'];
  const keyPem = new Secret(`-----BEGIN PRIVATE KEY-----\nsecret-${id}\n-----END PRIVATE KEY-----\n`);
  return { lineage, id, facts, keyPem, certPem: id, chainPem: '', fullchainPem: id };
}

deployerContract(it, async () => {
  const clock = fakeClock();
  const fleet = createFleetTarget({ clock, places: ['a.example.com', 'b.example.com'] });
  const settle = async () => clock.set(new Date(clock.now().getTime() + 8 * minuteMs));
  const refuseAll = () => {
    for (const name of fleet.places.keys()) fleet.faults.refuses.set(name, 'refused');
  };
  return {
    connect: fleet.connect,
    version: async () => versionOf('abc'),
    async inUse(expected) {
      if (expected !== undefined) await settle();
      return fleet.served('a.example.com');
    },
    async breakActivation() {
      refuseAll();
      return async () => fleet.faults.refuses.clear();
    },
    logged: () => [],
    stop: async () => {},
    cloud: {
      settle,
      changes: fleet.changes,
      uploads: () => fleet.uploads.size,
      loseAnswer() {
        fleet.loseAnswers(() => {
          fleet.loseAnswers(() => false);
          return true;
        });
      },
      fill() {
        const { room } = fleet.faults;
        fleet.faults.room = fleet.uploads.size;
        return () => {
          fleet.faults.room = room;
        };
      },
      addForeign() {
        fleet.uploads.set('of-somebody', 'f');
        return () => expect(fleet.uploads.get('of-somebody')).toBe('f');
      },
      failRollOut() {
        for (const name of fleet.places.keys()) fleet.faults.drops.set(name, 'dropped');
        return () => fleet.faults.drops.clear();
      },
      places: {
        add() {
          const name = `n${fleet.places.size}.example.com`;
          fleet.places.set(name, {});
          return name;
        },
        refuse(name) {
          fleet.faults.refuses.set(name, 'refused');
          return () => fleet.faults.refuses.delete(name);
        },
        inUse: (name) => fleet.served(name),
      },
    },
  };
});
