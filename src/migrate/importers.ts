import type { Importer } from './importer.ts';

/** The clients that `certfleet import` can read, by the name typed. */
export const importers: Readonly<Record<string, () => Promise<Importer>>> = {
  certbot: async () => (await import('./certbot/certbot.ts')).certbot,
  'acme.sh': async () => (await import('./acme-sh/acme-sh.ts')).acmeSh,
  lego: async () => (await import('./lego.ts')).lego,
  dehydrated: async () => (await import('./dehydrated.ts')).dehydrated,
  uacme: async () => (await import('./uacme.ts')).uacme,
  traefik: async () => (await import('./traefik.ts')).traefik,
};
