import { asFailure, type CertfleetError } from '../core/errors.ts';
import { decodeLineage, type Lineage } from '../core/lineage.ts';
import type { Entry } from '../ports/store.ts';
import type { Engine } from './engine.ts';

/** A lineage of a scan. Fails with `store/corrupt`. */
export function readLineage({ store }: Pick<Engine, 'store'>, { key, bytes, corrupt }: Entry): Lineage {
  if (corrupt) throw corrupt;
  return decodeLineage(bytes, key.name, store.location);
}

/** Like {@link readLineage}, but returns the error. */
export function lineageOf(engine: Pick<Engine, 'store'>, entry: Entry): Lineage | CertfleetError {
  try {
    return readLineage(engine, entry);
  } catch (error) {
    return asFailure(error);
  }
}
