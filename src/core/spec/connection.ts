import type { Json } from '../text/json.ts';

/** The sections of certfleet.yaml to which certificates, and entries of these sections, refer by name. */
export const connectionSections = ['issuers', 'balancers', 'solvers', 'deployers', 'alarms'] as const;
export type ConnectionSection = (typeof connectionSections)[number];

/** An entry of such a section. */
export interface NamedConnection {
  readonly section: ConnectionSection;
  readonly name: string;
}

/** One option that a connection may have if it is declared outside the file. */
export interface ConnectionField {
  /** The key in the settings; of one in a group, with the keys of the groups before it: `options.token`. */
  readonly name: string;
  readonly title: string;
  readonly description?: string;
  readonly example?: string;
  /** `map`: names with a text each. `json`: a text, or an object. */
  readonly takes: 'text' | 'number' | 'boolean' | 'choice' | 'list' | 'map' | 'json';
  /** The values of a choice. For a text, those that are usual. */
  readonly choices?: readonly string[];
  readonly default?: string;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  /** It says where secrets are sent, so whoever changes it must enter them again. */
  readonly isEndpoint: boolean;
}

/** One type of connections that may be declared outside the file. */
export interface ConnectionType {
  readonly section: ConnectionSection;
  /** As in the file; `acme` for issuers, which have no type there. */
  readonly type: string;
  /** Of a solver over DNS, so that each provider is a choice of its own. */
  readonly provider?: string;
  readonly title: string;
  /** The service’s own page. */
  readonly homepage?: string;
  readonly fields: readonly ConnectionField[];
}

/** The type of all issuers. */
export const issuerType = 'acme';

/** The options of a connection, by the names of its fields. */
export type ConnectionOptions = Readonly<Record<string, Json>>;

/** An option of a type, also one that only the file may set, and one that no form has. */
export interface TypeOption extends Omit<ConnectionField, 'takes'> {
  /** `other`: a form has no field for it. */
  readonly takes: ConnectionField['takes'] | 'other';
  readonly isLocal: boolean;
}

/** A type with all of its options. */
export interface KnownType extends Omit<ConnectionType, 'fields'> {
  readonly options: readonly TypeOption[];
  /** Whether pages and API offer it. */
  readonly isOffered: boolean;
}
