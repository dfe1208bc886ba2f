import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cluster, startCluster } from '../../test/support/alibaba-cluster.ts';
import { temporaryFolder } from '../../test/support/service.ts';

/** Three nodes behind a load balancer of Alibaba Cloud, as far as loopback goes. */
export interface CloudRig extends Cluster {
  /** The folder of `certfleet.yaml` on each node. All nodes share one store. */
  readonly homes: readonly string[];
  /** A folder whose configuration leaves the load balancer alone. */
  readonly withoutRule: string;
  /** The root of the certificates that the CA issues, PEM. */
  readonly root: string;
}

export const host = 'abc.example.test';

export async function startCloudRig(): Promise<CloudRig> {
  // A second of the health checks takes 0.1 s.
  const cluster = await startCluster({ https: [host], clb: { secondMs: 100 } });
  const folder = await temporaryFolder('demo');
  const home = async (name: string, store: string, options: Parameters<Cluster['configuration']>[1]) => {
    const own = join(folder, name);
    await mkdir(own);
    // JSON is YAML.
    const text = JSON.stringify(cluster.configuration(join(folder, store), { deliver: true, ...options }), null, 2);
    await writeFile(join(own, 'certfleet.yaml'), `${text}\n`, { mode: 0o600 });
    return own;
  };
  const homes = await Promise.all(cluster.nodes.map((_, node) => home(`node${node + 1}`, 'store', { node })));
  const solver = { type: 'http01-responder', balancer: undefined };
  const withoutRule = await home('without-rule', 'other-store', { solver });
  const root = await cluster.pebble.roots();
  for (const own of homes) await writeFile(join(own, 'root.pem'), root);
  return { ...cluster, homes, withoutRule, root };
}
