import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { maxNameLength } from '../core/lineage/document-limits.ts';
import { isOnlyOwing, type Lineage } from '../core/lineage/lineage.ts';
import { lineageNotFound } from '../core/names/not-found.ts';
import { lineageMissing, watchStore } from '../engine/pass/store-faults.ts';
import { lineageOf, readLineage } from '../engine/run/stored-lineage.ts';
import type { OpenFleet } from './opened.ts';

/** Lineages by name. An error stands for a document that cannot be read. */
export type Stored = ReadonlyMap<string, Lineage | CertfleetError>;

export async function readAll({ engine }: OpenFleet, signal: AbortSignal): Promise<Stored> {
  const stored = new Map<string, Lineage | CertfleetError>();
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) stored.set(entry.key.name, lineageOf(engine, entry));
  return stored;
}

export async function readOne({ engine }: OpenFleet, name: string, signal: AbortSignal): Promise<Lineage | undefined> {
  if (name === '' || name.length > maxNameLength) return undefined; // no store accepts such a name
  const entry = await engine.store.get({ kind: 'lineage', name }, signal);
  const lineage = entry && readLineage(engine, entry);
  return lineage && !isOnlyOwing(lineage) ? lineage : undefined;
}

/** Reads a lineage that must exist. Fails with `lineage/not-found`, `lineage/not-issued`. */
export async function readNamed(fleet: OpenFleet, name: string, signal: AbortSignal): Promise<Lineage> {
  const lineage = await readOne(fleet, name, signal);
  if (!lineage) throw await notThere(fleet, name, signal);
  return lineage;
}

/** Returns the error for a name that is not in the store. */
export async function notThere(fleet: OpenFleet, name: string, signal: AbortSignal): Promise<CertfleetError> {
  const missing = await missingAmong(fleet, signal);
  if (missing.has(name)) return lineageMissing(name);
  const stored = await readAll(fleet, signal);
  return isDeclared(fleet, name) ? fail('lineage/not-issued', { name }) : notFound(name, stored.keys());
}

/** Returns the certificates whose document is missing although a version and its key exist. */
async function missingAmong({ engine }: OpenFleet, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const watch = await watchStore(engine, signal);
  for await (const page of engine.store.scan('lineage', signal)) for (const { key } of page) watch.saw(key.name);
  return new Set((await watch.missing(signal)).keys());
}

export const notFound = (name: string, known: Iterable<string>): CertfleetError => lineageNotFound(name, known);

export const isDeclared = ({ settings }: OpenFleet, name: string): boolean =>
  settings.certificates.some((certificate) => certificate.name === name);
