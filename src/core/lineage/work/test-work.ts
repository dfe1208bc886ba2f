/** Every change of a lineage, for work.test.ts. */

export * from './acts.ts';
export * from './delivery.ts';
export * from './end.ts';
export * from './lease.ts';
export * from './order.ts';
export * from './parts.ts';
export * from './transition.ts';
