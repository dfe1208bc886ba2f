import type { Binding, BindingPlan } from './clb-binding.ts';

// Decides whether an HTTPS listener and its region have room for a certificate. Pure.

export interface Quotas {
  /** Domain extensions of a listener. */
  readonly extensions: number;
  /** Server certificates of a region. */
  readonly certificates: number;
}

/** What a certificate that is being ordered will need. */
export interface Promised {
  readonly domains: readonly string[];
  readonly uploads: number;
}

export interface Room {
  /** How much is used and allowed, and what the certificate needs. */
  readonly words: string;
  /** What is full, and what to do. */
  readonly full?: { readonly reason: string; readonly advice: string };
  readonly needs: Promised;
}

export interface Occupied {
  readonly binding: Binding;
  /** How many certificates the region holds, and how many of them may be deleted to make room. */
  readonly certificates: { readonly held: number; readonly superseded: number };
  /** What other certificates that are being ordered will need. */
  readonly promised: readonly Promised[];
}

/** Counts what a planned binding needs against what is used and allowed. */
export function roomFor(
  plan: BindingPlan,
  { binding, certificates, promised }: Occupied,
  {
    quotas,
    place,
    region,
    together,
  }: {
    readonly quotas: Quotas;
    /** `lb-bp1example:443` */
    readonly place: string;
    readonly region: string;
    /** The names for one certificate that needs no extension. */
    readonly together: readonly string[];
  },
): Room {
  const has = (domain: string) => binding.extensions.some((one) => one.domain === domain);
  const domains = ('steps' in plan ? plan.steps : []).flatMap((step) => (step.kind === 'create' ? [step.domain] : []));
  const needs = { domains, uploads: 1 };
  const coming = new Set(promised.flatMap((one) => one.domains).filter((domain) => !has(domain)));
  const used = binding.extensions.length + coming.size;
  const uploads = promised.reduce((sum, one) => sum + one.uploads, 0);
  const held = certificates.held - certificates.superseded + uploads;
  const words = `${place} uses ${used} of ${quotas.extensions} domain extensions, and ${region} ${certificates.held} of ${quotas.certificates} certificates; it needs ${domains.length} and 1 more`;
  if (used + domains.length > quotas.extensions)
    return {
      words,
      needs,
      full: {
        reason: `${place} uses ${used} of ${quotas.extensions} domain extensions, and needs ${domains.length} more for ${domains.join(', ')}`,
        advice: `Order one certificate with these names, which becomes the default certificate of the listener and needs no extension: ${together.join(', ')}. Or have the quota raised, and set \`extensionQuota\`.`,
      },
    };
  if (held + 1 > quotas.certificates)
    return {
      words,
      needs,
      full: {
        reason: `${region} holds ${held} of ${quotas.certificates} certificates, and needs 1 more`,
        advice: `Put several names into one certificate, delete certificates that nothing uses, or have the quota raised, and set \`certificateQuota\`. \`certfleet sweep --lost\` lists what was lost there.`,
      },
    };
  return { words, needs };
}
