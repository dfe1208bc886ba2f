// What a test may set. Everything is plain data, so that the fake can also run as a process of its own.

/** One statement of a RAM policy, in the form in which the RAM console takes it. */
export interface PolicyStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

export interface AccessKey {
  readonly id: string;
  readonly secret: string;
  /** Absent: the account's own key, which may do everything. */
  readonly policy?: readonly PolicyStatement[];
  /** A temporary key of STS: every request must carry the token, until it expires (ISO 8601). */
  readonly sts?: { readonly token: string; readonly expires: string };
}

/** A machine that can be a backend: its private address (of the cloud) to the loopback address where it listens. */
export interface ServerOptions {
  readonly addresses: Readonly<Record<string, string>>;
  /** A stopped machine cannot be added to a group. */
  readonly stopped?: boolean;
}

export interface BackendOptions {
  readonly server: string;
  readonly port: number;
  readonly weight?: number;
  readonly ip?: string;
}

export interface HealthCheckOptions {
  readonly enabled?: boolean;
  readonly uri?: string;
  readonly domain?: string;
  readonly method?: 'head' | 'get';
  readonly codes?: string;
  readonly port?: number;
  readonly interval?: number;
  readonly timeout?: number;
  readonly healthy?: number;
  readonly unhealthy?: number;
}

export interface ListenerOptions {
  readonly protocol: 'http' | 'https' | 'tcp';
  readonly port: number;
  /** The loopback port that stands for it; a free one if absent. */
  readonly bindPort?: number;
  readonly stopped?: boolean;
  /** Name of the group that takes what no rule matches; absent: the balancer's own servers on `backendPort`. */
  readonly group?: string;
  readonly backendPort?: number;
  readonly check?: HealthCheckOptions;
  /** Answers 301 to the HTTPS listener of this port, whatever the rules say (`ListenerForward=on`). */
  readonly forwardPort?: number;
  /** Name of the server certificate of an HTTPS listener. */
  readonly certificate?: string;
  readonly idleTimeout?: number;
  readonly requestTimeout?: number;
  readonly tlsCipherPolicy?: string;
}

export interface LoadBalancerOptions {
  readonly id: string;
  readonly region?: string;
  readonly name?: string;
  /** Its public address as the API names it. */
  readonly address?: string;
  /** The loopback address of its data plane. */
  readonly bindAddress?: string;
  readonly inactive?: boolean;
  readonly servers?: readonly { readonly server: string; readonly weight?: number }[];
  readonly groups?: readonly {
    readonly name: string;
    readonly servers: readonly BackendOptions[];
    readonly tags?: Readonly<Record<string, string>>;
  }[];
  readonly listeners: readonly ListenerOptions[];
  readonly rules?: readonly {
    readonly port: number;
    readonly protocol?: 'http' | 'https';
    readonly name: string;
    readonly domain?: string;
    readonly url?: string;
    readonly group: string;
  }[];
}

/** What the documents leave open or say in two ways; each default is the stricter reading. */
export interface Behaviour {
  /** A rule of the host exists and none takes the path: 404, the listener's default group, or the next best domain. */
  readonly hostWithoutPath: 'not-found' | 'default' | 'next';
  /** The listener checks nothing and a rule follows it: no check, or one of `/` with the defaults. */
  readonly ruleCheckWhenListenerOff: 'off' | 'default';
  /** How DescribeHealthStatus lists servers that are not checked. */
  readonly uncheckedServers: 'unavailable' | 'normal' | 'absent' | 'error';
  /** Whether DescribeHealthStatus lists servers that only rules reach. */
  readonly healthListsRuleServers: boolean;
  /** Whether a server takes traffic before its first checks have said anything. */
  readonly newServersTakeTraffic: boolean;
  readonly noHealthyServer: 502 | 503;
  /** Whether a rule may point to a group without servers (`VServerGroupEmpty`). */
  readonly emptyGroups: 'refused' | 'accepted';
  /** A server that is in the group already is added again with the same port. */
  readonly addAgain: 'refused' | 'ignored';
  /** A server that is not in the group is removed. */
  readonly removeAbsent: 'refused' | 'ignored';
  readonly inUseCode: 'RspoolVipExist' | 'RspoolRuleExist' | 'either';
  /** The code of a request that RAM refuses; as `Forbidden` the answer does not name the action. */
  readonly denialCode: 'Forbidden.RAM' | 'Forbidden.NoPermission' | 'Forbidden';
  /** A domain extension is served only while a rule of its domain exists on the listener, as a tutorial says. */
  readonly extensionNeedsRule: boolean;
  /** Whether SetRule's HealthCheckURI may have any character, or those of a listener's. */
  readonly ruleHealthUri: 'strict' | 'any';
  /** Whether the EC key must follow its `EC PARAMETERS`; whether EC keys are taken at all (one region, an old page says). */
  readonly ecKeys: 'accepted' | 'with-parameters' | 'refused';
  /** How a description shows a field that has no value, such as the domain of a rule by URL. */
  readonly emptyFields: 'omitted' | 'empty';
  /** The format of an answer to a request that names none. */
  readonly defaultFormat: 'json' | 'xml';
}

export const strictBehaviour: Behaviour = {
  hostWithoutPath: 'not-found',
  ruleCheckWhenListenerOff: 'off',
  uncheckedServers: 'unavailable',
  healthListsRuleServers: true,
  newServersTakeTraffic: false,
  noHealthyServer: 503,
  emptyGroups: 'refused',
  addAgain: 'refused',
  removeAbsent: 'refused',
  inUseCode: 'either',
  denialCode: 'Forbidden.RAM',
  extensionNeedsRule: false,
  ruleHealthUri: 'strict',
  ecKeys: 'accepted',
  emptyFields: 'omitted',
  defaultFormat: 'json',
};

/** The quotas of the page of limits. */
export const quotas = {
  rulesOfListener: 40,
  certificatesOfRegion: 100,
  extensionsOfListener: 3,
  serversOfBalancer: 200,
  groupsOfServer: 50,
  tagsOfResource: 20,
};
export type Quotas = typeof quotas;

export interface AlibabaClbOptions {
  readonly keys: readonly AccessKey[];
  readonly servers: Readonly<Record<string, string | ServerOptions>>;
  readonly loadBalancers: readonly LoadBalancerOptions[];
  readonly certificates?: readonly {
    readonly name: string;
    readonly certificate: string;
    readonly privateKey: string;
  }[];
  /** The region of a request that names none, and of what has none. */
  readonly region?: string;
  readonly regions?: readonly string[];
  readonly account?: string;
  readonly apiPort?: number;
  readonly behaviour?: Partial<Behaviour>;
  readonly quotas?: Partial<Quotas>;
  /**
   * How long a change takes; meanwhile every other change of that balancer is refused. `Infinity`: until the test calls
   * `endChanges`.
   */
  readonly changeMs?: number;
  /** The codes of those refusals, drawn at random; the documented ones if absent. */
  readonly busyCodes?: readonly string[];
  /** Real milliseconds of one second of the health checks. */
  readonly secondMs?: number;
  /** Calls that one key may make in a second. */
  readonly callsPerSecond?: number;
  /** The probability that the answer to a successful change is lost. */
  readonly loseAnswers?: number;
  /** Of the random numbers: codes, lost answers, ids. */
  readonly seed?: number;
  /** Requests after which a client's connection is closed. */
  readonly requestsPerConnection?: number;
}
