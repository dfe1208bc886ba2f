import { hash } from 'node:crypto';
import { canonical } from '../core/spec/same-spec.ts';

/** Returns a map key for settings. Settings may contain secrets, which must not become keys. */
export const digestOf = (settings: unknown): string => hash('sha256', canonical(settings), 'base64url');
