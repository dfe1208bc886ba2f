/** Every change of a lineage, for the tests of the model. */

export * from './acts.ts';
export * from './delivery.ts';
export * from './end.ts';
export * from './lease.ts';
export * from './order.ts';
export * from './parts.ts';
export * from './transition.ts';
