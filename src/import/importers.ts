import type { Importer } from './importer.ts';

/** The clients that `certfleet import` can read, by what is typed. */
export const importers: Readonly<Record<string, () => Promise<Importer>>> = {
  certbot: async () => (await import('./certbot.ts')).certbot,
};
