import type { ExportRecord } from '../../core/lineage/lineage.ts';
import { exported, exportFailed } from '../../core/lineage/work/acts.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import { type Engine, report } from '../engine.ts';
import { underLease } from '../leases/bare.ts';
import { readBundle } from '../run/bundles.ts';

/**
 * Passes the current version with its private key to `write`, for a person. The export is recorded first, and the
 * record is removed if `write` fails.
 *
 * @returns undefined if there is no certificate
 */
export const exportCurrent = (
  engine: Engine,
  { name, ...how }: { readonly name: string } & Pick<ExportRecord, 'format' | 'to'>,
  signal: AbortSignal,
  write: (bundle: VersionBundle) => Promise<void>,
): Promise<boolean | undefined> =>
  underLease(
    engine,
    { name, isMeant: ({ current }) => current !== undefined },
    async (holding, held) => {
      const { id } = holding.lineage.current!;
      const bundle = await readBundle(engine, { lineage: name, id }, held);
      const record = { at: engine.clock.now().toISOString(), version: id, ...how };
      await holding.apply(exported(record), held);
      try {
        await write(bundle);
      } catch (error) {
        await holding.apply(exportFailed(record), held);
        throw error;
      }
      const message = `exported to ${how.to}, with its private key`;
      const data = { version: id, format: how.format, to: how.to };
      report(engine, { level: 'info', event: 'certificate.exported', certificate: name, message, data });
      return true;
    },
    signal,
  );
