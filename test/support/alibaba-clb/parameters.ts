import { ApiError, invalid, missing } from './api-error.ts';
import type { Tags } from './model.ts';

/** The parameters of one call. What no action asks for is ignored, as the API does. */
export interface Parameters {
  /** Undefined if absent or empty. */
  text(name: string): string | undefined;
  required(name: string): string;
  integer(name: string, from: number, to: number): number | undefined;
  requiredInteger(name: string, from: number, to: number): number;
  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined;
  flag(name: string): boolean;
  /** `Name.1`, `Name.2`… */
  list(name: string): string[];
  tags(): Tags;
}

const tagText = (text: string, longest: number): boolean =>
  text.length <= longest && !/^(aliyun|acs:)/.test(text) && !/https?:\/\//.test(text);

export function readParameters(query: string): Parameters {
  const values = new Map([...new URLSearchParams(query)]);
  const text = (name: string) => values.get(name) || undefined;
  const required = (name: string): string => {
    const value = text(name);
    if (value === undefined) throw missing(name);
    return value;
  };
  const parse = (name: string, value: string, from: number, to: number): number => {
    if (!/^-?\d{1,9}$/.test(value) || Number(value) < from || Number(value) > to)
      throw invalid(`The specified parameter ${name} is not valid.`);
    return Number(value);
  };
  const list = (name: string): string[] => {
    const found: string[] = [];
    for (let index = 1; values.has(`${name}.${index}`); index++) found.push(values.get(`${name}.${index}`)!);
    return found;
  };
  return {
    text,
    required,
    list,
    integer: (name, from, to) => {
      const value = text(name);
      return value === undefined ? undefined : parse(name, value, from, to);
    },
    requiredInteger: (name, from, to) => parse(name, required(name), from, to),
    oneOf: (name, choices) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const choice = choices.find((one) => one === value);
      if (choice === undefined) throw invalid(`The specified parameter ${name} is not valid.`);
      return choice;
    },
    flag: (name) => {
      const value = text(name)?.toLowerCase();
      if (value !== undefined && value !== 'true' && value !== 'false')
        throw invalid(`The specified parameter ${name} is not valid.`);
      return value === 'true';
    },
    tags() {
      const tags: Tags = new Map();
      for (let index = 1; values.has(`Tag.${index}.Key`) || values.has(`Tag.${index}.Value`); index++) {
        const [key, value] = [values.get(`Tag.${index}.Key`) ?? '', values.get(`Tag.${index}.Value`) ?? ''];
        if (key === '' || !tagText(key, 64)) throw invalid(`The specified parameter Tag.${index}.Key is not valid.`);
        if (!tagText(value, 128)) throw invalid(`The specified parameter Tag.${index}.Value is not valid.`);
        if (tags.has(key)) throw invalid(`The specified parameter Tag.${index}.Key is not valid.`);
        tags.set(key, value);
      }
      if (tags.size > 20) throw new ApiError('TagCreateCountLimit');
      return tags;
    },
  };
}

/** A JSON string that holds an array, as BackendServers, RuleList and RuleIds do. */
export function jsonArray(text: string, malformed: string): unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new ApiError(malformed);
  }
  if (!Array.isArray(parsed) || parsed.length === 0) throw new ApiError(malformed);
  return parsed;
}

export function jsonObject(value: unknown, malformed: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ApiError(malformed);
  return value as Record<string, unknown>;
}

const nameOfObject = /^[A-Za-z0-9\-/._]+$/;
/** Names of groups, rules and backends: letters, digits and `-/._`. */
export function checkName(parameter: string, name: string, longest: number): string {
  if (name.length > longest || !nameOfObject.test(name))
    throw invalid(`The specified parameter ${parameter} is not valid.`);
  return name;
}

const label = '[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?';
const domainForm = new RegExp(`^(\\*\\.)?${label}(\\.${label})+$`);
/** An exact domain, or `*.` and a domain. */
export const isDomain = (text: string): boolean => text.length <= 253 && domainForm.test(text);

/** The URL of a rule and of a listener's health check: no `_` in it. */
export const isUrl = (text: string): boolean => text.length <= 80 && /^\/[A-Za-z0-9\-/.%?#&]+$/.test(text);
/** A health check may be of `/` (every sample shows it); a rule may not. */
export const isCheckUri = (text: string): boolean => text === '/' || isUrl(text);
