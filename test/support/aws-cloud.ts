import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type AwsCertificates, createAwsCertificates, namesOf, tagsRefused } from './aws-certificates.ts';
import { type LoadBalancer, startLoadBalancer } from './aws-load-balancer.ts';
import { allows, type PolicyStatement } from './aws-policy.ts';
import { type AwsKey, type AwsRefusal, checkSignature } from './aws-signature.ts';
import { child, escapeXml, listIn, type Moto, motoHeaders, motoRegion, parseXml, startMoto, textIn } from './moto.ts';
import { atEnd } from './service.ts';

/**
 * AWS for tests: moto behind a gateway that verifies signatures, refuses what AWS refuses, throttles and loses answers
 * as told, with a load balancer in front of real processes. All on loopback.
 */
export interface AwsCloud {
  readonly endpoint: string;
  readonly region: string;
  readonly keys: readonly AwsKey[];
  readonly loadBalancer: { readonly arn: string; readonly name: string };
  /** ARNs of the listeners by port: 80, and 443 if there is one. */
  readonly listeners: ReadonlyMap<number, string>;
  /** The instances, in the order of `nodes`. */
  readonly instances: readonly string[];
  readonly vpc: string;
  readonly moto: Moto;
  readonly certificates: AwsCertificates;
  readonly plane: LoadBalancer;
  /** Every call that came, in order. */
  readonly calls: readonly AwsCallRecord[];
  /** Decides what goes wrong with a call. */
  interfere: (call: AwsCallRecord) => 'lose' | 'throttle' | 'break' | 'hang' | undefined;
  /** The policy of the user whose keys these are; undefined: everything is allowed. */
  policy: readonly PolicyStatement[] | undefined;
  /** The certificates of a listener, the default one first. */
  bound(listenerPort: number): readonly string[];
  /** Gives a listener other certificates, the default one first. */
  rebind(listenerPort: number, certificates: readonly string[]): void;
  /** Changes the cloud as somebody else does: straight at moto, and in effect at once. */
  change(action: string, params: Readonly<Record<string, string>>): ReturnType<Moto['query']>;
  /** Resolves once all changes have taken effect, which AWS does not tell. */
  settled(): Promise<void>;
  /** Removes all rules and groups but those that were there at first. */
  clear(): Promise<void>;
  /** Everything of listener rules, groups and tags, to compare. */
  snapshot(): Promise<string>;
  stop(): Promise<void>;
}

export interface AwsCallRecord {
  readonly service: string;
  readonly action: string;
  readonly params: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  result: string;
}

export interface AwsCloudOptions {
  /** `host:port` of the nodes, which all are instances. The default action of port 80 forwards to them. */
  readonly nodes?: readonly string[];
  /** What port 80 does with requests that no rule takes; default: forwards to the nodes. */
  readonly defaultAction?: 'forward' | 'redirect';
  /** Key and certificate of the default certificate of a listener on port 443. */
  readonly https?: { readonly key: string; readonly cert: string };
  /** Addresses of targets of the type ip: `172.31.0.9` → `127.0.0.1`. */
  readonly addresses?: Readonly<Record<string, string>>;
  readonly certificateQuota?: number;
  readonly ruleQuota?: number;
  /** How much faster than real the health checks are. */
  readonly speed?: number;
}

const account = '123456789012';
/** A change takes effect a little after its answer. */
const effectMs = 50;
const ok = undefined;

const refuse = (code: string, message: string, status = 400): AwsRefusal => ({ status, code, message });

export async function startAwsCloud(options: AwsCloudOptions = {}): Promise<AwsCloud> {
  const moto = await startMoto();
  const keys: readonly AwsKey[] = [
    { id: 'AKIAEXAMPLEOFTESTS', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    {
      id: 'ASIAEXAMPLEOFROLES',
      secret: 'roleSecret/K7MDENG+bPxRfiCYEXAMPLEKEY123',
      token: 'FwoGZXIvYXdzEXAMPLETOKEN//////////wEaD',
    },
  ];
  const elb = (action: string, params: Readonly<Record<string, string>> = {}) =>
    moto.query('elasticloadbalancing', action, params);
  const ruleQuota = options.ruleQuota ?? 100;

  // ── the account ──────────────────────────────────────────────────────────────────────────────────────────────
  const vpc = textIn(listIn(await moto.query('ec2', 'DescribeVpcs'), 'vpcSet', 'item')[0], 'vpcId');
  const subnets = listIn(await moto.query('ec2', 'DescribeSubnets'), 'subnetSet', 'item').map((one) =>
    textIn(one, 'subnetId'),
  );
  const nodes = options.nodes ?? [];
  const addresses = new Map(Object.entries(options.addresses ?? {}));
  const count = String(Math.max(nodes.length, 3));
  const started = await moto.query('ec2', 'RunInstances', {
    ImageId: 'ami-12c6146b',
    MinCount: count,
    MaxCount: count,
  });
  const instances = listIn(started, 'instancesSet', 'item').map((one) => textIn(one, 'instanceId'));
  for (const [at, id] of instances.entries()) addresses.set(id, nodes[at]?.split(':')[0] ?? '127.0.0.1');
  const made = listIn(
    await elb('CreateLoadBalancer', { Name: 'web', 'Subnets.member.1': subnets[0]!, 'Subnets.member.2': subnets[1]! }),
    'LoadBalancers',
  )[0];
  const loadBalancer = { arn: textIn(made, 'LoadBalancerArn'), name: 'web' };
  const createdGroup = await elb('CreateTargetGroup', {
    ...{ Name: 'web-nodes', Protocol: 'HTTP', Port: '8080', VpcId: vpc, TargetType: 'instance', HealthCheckPath: '/' },
    ...{
      HealthCheckIntervalSeconds: '5',
      HealthCheckTimeoutSeconds: '2',
      HealthyThresholdCount: '2',
      UnhealthyThresholdCount: '2',
    },
  });
  const webGroup = textIn(listIn(createdGroup, 'TargetGroups')[0], 'TargetGroupArn');
  for (const [at, node] of nodes.entries())
    await elb('RegisterTargets', {
      TargetGroupArn: webGroup,
      'Targets.member.1.Id': instances[at]!,
      'Targets.member.1.Port': node.split(':')[1]!,
    });
  const actions: Readonly<Record<string, string>> =
    options.defaultAction === 'redirect'
      ? {
          'DefaultActions.member.1.Type': 'redirect',
          'DefaultActions.member.1.RedirectConfig.Protocol': 'HTTPS',
          'DefaultActions.member.1.RedirectConfig.Port': '443',
          'DefaultActions.member.1.RedirectConfig.StatusCode': 'HTTP_301',
        }
      : { 'DefaultActions.member.1.Type': 'forward', 'DefaultActions.member.1.TargetGroupArn': webGroup };
  const listeners = new Map<number, string>();
  /** By listener, the default certificate first. */
  const bindings = new Map<string, string[]>();
  const certificates = createAwsCertificates({
    ...{ region: motoRegion, account, quota: options.certificateQuota ?? 2_500 },
    usedBy: (arn) => ([...bindings.values()].some((bound) => bound.includes(arn)) ? [loadBalancer.arn] : []),
  });
  const listen = async (port: number, protocol: string, more: Readonly<Record<string, string>> = {}) => {
    const params = { LoadBalancerArn: loadBalancer.arn, Protocol: protocol, Port: String(port), ...actions, ...more };
    const arn = textIn(listIn(await elb('CreateListener', params), 'Listeners')[0], 'ListenerArn');
    listeners.set(port, arn);
    return arn;
  };
  await listen(80, 'HTTP');
  if (options.https) {
    const { key, cert } = options.https;
    const body = { Certificate: base64(cert), PrivateKey: base64(key) };
    // moto wants one that it knows; the bindings are kept here.
    const { CertificateArn: known } = await moto.json('ImportCertificate', body);
    const arn = await listen(443, 'HTTPS', { 'Certificates.member.1.CertificateArn': String(known) });
    const imported = certificates.call('ImportCertificate', body);
    if ('code' in imported) throw new Error(String(imported['message']));
    bindings.set(arn, [String(imported['CertificateArn'])]);
  }
  const plane = await startLoadBalancer({
    ...{ moto, loadBalancer: loadBalancer.arn, addresses, speed: options.speed ?? 60 },
    certificate: (listener, name) => {
      const bound = (bindings.get(listener) ?? [])
        .map((arn) => certificates.material(arn))
        .filter((one) => one !== undefined);
      return bound.filter(({ leaf }) => covers(namesOf(leaf), name)).at(-1) ?? bound[0];
    },
  });

  // ── what AWS refuses and moto does not ───────────────────────────────────────────────────────────────────────
  const rulesOf = async (listener: string) =>
    listIn(await elb('DescribeRules', { ListenerArn: listener, PageSize: '400' }), 'Rules');
  const allRules = async () =>
    (await Promise.all([...listeners.values()].map(rulesOf)))
      .flat()
      .filter((one) => textIn(one, 'IsDefault') !== 'true');
  /** ARNs of the rules, so that moto, which is slow, is asked for them only after changes of others. */
  let ruleArns: Set<string> | undefined;
  const rulesThere = async (): Promise<Set<string>> => {
    ruleArns ??= new Set((await allRules()).map((one) => textIn(one, 'RuleArn')));
    return ruleArns;
  };
  const groupsNow = async () => listIn(await elb('DescribeTargetGroups'), 'TargetGroups');

  type Params = Readonly<Record<string, string>>;
  const tagsIn = (params: Params) => {
    const found: { Key: string; Value: string }[] = [];
    for (let at = 1; params[`Tags.member.${at}.Key`] !== undefined; at++)
      found.push({ Key: params[`Tags.member.${at}.Key`]!, Value: params[`Tags.member.${at}.Value`] ?? '' });
    return found;
  };
  const elbTagsRefused = (params: Params) => {
    const wrong = tagsRefused(tagsIn(params));
    return wrong && refuse('ValidationError', wrong.message);
  };
  const between = (params: Params, name: string, low: number, high: number) =>
    params[name] === undefined ||
    (/^\d+$/.test(params[name]) && Number(params[name]) >= low && Number(params[name]) <= high)
      ? ok
      : refuse('ValidationError', `${name} '${params[name]}' must be between ${low} and ${high} inclusive`);

  /** The parameters that an action has, and what else AWS checks. */
  const checks: Readonly<
    Record<
      string,
      { readonly params: RegExp; check?(params: Params): Promise<AwsRefusal | undefined> | AwsRefusal | undefined }
    >
  > = {
    DescribeLoadBalancers: { params: /^((LoadBalancerArns|Names)\.member\.\d+|Marker|PageSize)$/ },
    DescribeListeners: { params: /^(LoadBalancerArn|ListenerArns\.member\.\d+|Marker|PageSize)$/ },
    DescribeRules: { params: /^(ListenerArn|RuleArns\.member\.\d+|Marker|PageSize)$/ },
    DescribeTargetGroups: {
      params: /^(LoadBalancerArn|(TargetGroupArns|Names)\.member\.\d+|Marker|PageSize)$/,
      check: (params) => between(params, 'PageSize', 1, 400),
    },
    DescribeTags: {
      params: /^ResourceArns\.member\.\d+$/,
      check: (params) => (Object.keys(params).length > 20 ? refuse('ValidationError', 'ResourceArns: at most 20') : ok),
    },
    DescribeAccountLimits: { params: /^(Marker|PageSize)$/ },
    DescribeTargetHealth: { params: /^(TargetGroupArn|Targets\.member\.\d+\.(Id|Port|AvailabilityZone))$/ },
    DescribeListenerCertificates: { params: /^(ListenerArn|Marker|PageSize)$/ },
    CreateTargetGroup: {
      params:
        /^(Name|Protocol|ProtocolVersion|Port|VpcId|TargetType|IpAddressType|HealthCheck(Protocol|Port|Enabled|Path|IntervalSeconds|TimeoutSeconds)|(Healthy|Unhealthy)ThresholdCount|Matcher\.HttpCode|Tags\.member\.\d+\.(Key|Value))$/,
      async check(params) {
        if (!/^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/.test(params['Name'] ?? ''))
          return refuse(
            'ValidationError',
            `Target group name '${params['Name']}' cannot be longer than '32' characters`,
          );
        const numbers = [
          between(params, 'Port', 1, 65_535),
          between(params, 'HealthCheckIntervalSeconds', 5, 300),
          between(params, 'HealthCheckTimeoutSeconds', 2, 120),
          between(params, 'HealthyThresholdCount', 2, 10),
          between(params, 'UnhealthyThresholdCount', 2, 10),
          elbTagsRefused(params),
        ].find((one) => one !== undefined);
        if (numbers) return numbers;
        if (Number(params['HealthCheckTimeoutSeconds'] ?? 5) >= Number(params['HealthCheckIntervalSeconds'] ?? 30))
          return refuse('ValidationError', 'Health check timeout must be smaller than the interval');
        if (!/^\/[\w\-./~%]{0,1023}$/.test(params['HealthCheckPath'] ?? '/'))
          return refuse('ValidationError', `Health check path '${params['HealthCheckPath']}' is not valid`);
        return ok;
      },
    },
    ModifyTargetGroupAttributes: {
      params: /^(TargetGroupArn|Attributes\.member\.\d+\.(Key|Value))$/,
      check: (params) =>
        params['Attributes.member.1.Key'] === 'deregistration_delay.timeout_seconds'
          ? ok
          : refuse('ValidationError', 'The attribute is not known to this test.'),
    },
    RegisterTargets: {
      params: /^(TargetGroupArn|Targets\.member\.\d+\.(Id|Port|AvailabilityZone))$/,
      async check(params) {
        const group = (await groupsNow()).find((one) => textIn(one, 'TargetGroupArn') === params['TargetGroupArn']);
        if (!group) return refuse('TargetGroupNotFound', 'One or more target groups not found');
        const isIp = textIn(group, 'TargetType') === 'ip';
        for (let at = 1; params[`Targets.member.${at}.Id`] !== undefined; at++) {
          const id = params[`Targets.member.${at}.Id`]!;
          const isInVpc = /^172\.31\./.test(id);
          if (!isIp && !instances.includes(id))
            return refuse('InvalidTarget', `The following targets are not in the target group VPC: '${id}'`);
          if (isIp && !/^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(id))
            return refuse('ValidationError', `The IP address '${id}' is not in a private range`);
          if (isIp && !isInVpc && params[`Targets.member.${at}.AvailabilityZone`] !== 'all')
            return refuse('ValidationError', `You must specify an Availability Zone for the IP address '${id}'`);
          if (isIp && isInVpc && params[`Targets.member.${at}.AvailabilityZone`] === 'all')
            return refuse('ValidationError', `The IP address '${id}' is inside the VPC`);
        }
        return ok;
      },
    },
    DeregisterTargets: { params: /^(TargetGroupArn|Targets\.member\.\d+\.(Id|Port|AvailabilityZone))$/ },
    CreateRule: {
      params:
        /^(ListenerArn|Priority|Conditions\.member\.\d+\.(Field|(HostHeader|PathPattern)Config\.Values\.member\.\d+)|Actions\.member\.\d+\.(Type|Order|TargetGroupArn|FixedResponseConfig\.(MessageBody|StatusCode|ContentType))|Tags\.member\.\d+\.(Key|Value))$/,
      async check(params) {
        const wrong = between(params, 'Priority', 1, 50_000) ?? elbTagsRefused(params);
        if (wrong) return wrong;
        for (const [name, value] of Object.entries(params)) {
          if (/HostHeaderConfig/.test(name) && !/^[\w\-.*?]{1,128}$/.test(value))
            return refuse('ValidationError', `Condition value '${value}' contains a character that is not valid`);
          if (/PathPatternConfig/.test(name) && !/^[\w\-.$/~"'@:+&*?]{1,128}$/.test(value))
            return refuse('ValidationError', `Condition value '${value}' contains a character that is not valid`);
        }
        if ((params['Actions.member.1.FixedResponseConfig.MessageBody'] ?? '').length > 1024)
          return refuse('ValidationError', 'The message body is too long');
        if (![...listeners.values()].includes(params['ListenerArn'] ?? ''))
          return refuse('ListenerNotFound', 'One or more listeners not found');
        if ((await rulesThere()).size >= ruleQuota)
          return refuse('TooManyRules', 'You have reached the maximum number of rules.');
        return ok;
      },
    },
    DeleteRule: {
      params: /^RuleArn$/,
      check: async (params) =>
        (await rulesThere()).has(params['RuleArn'] ?? '') ? ok : refuse('RuleNotFound', 'One or more rules not found'),
    },
    DeleteTargetGroup: { params: /^TargetGroupArn$/ },
    AddListenerCertificates: { params: /^(ListenerArn|Certificates\.member\.\d+\.CertificateArn)$/ },
    RemoveListenerCertificates: { params: /^(ListenerArn|Certificates\.member\.\d+\.CertificateArn)$/ },
    ModifyListener: { params: /^(ListenerArn|Certificates\.member\.1\.CertificateArn)$/ },
  };

  /** Listener certificates, which moto keeps wrong. */
  function changeBinding(action: string, params: Params): AwsRefusal | undefined {
    const bound = bindings.get(params['ListenerArn'] ?? '');
    if (!bound) return refuse('ListenerNotFound', 'One or more listeners not found');
    for (let at = 1; params[`Certificates.member.${at}.CertificateArn`] !== undefined; at++) {
      const arn = params[`Certificates.member.${at}.CertificateArn`]!;
      if (!certificates.material(arn)) return refuse('CertificateNotFound', `Certificate ARN '${arn}' does not exist`);
      if (action === 'ModifyListener') {
        // The additional ones stay as they are.
        if (bound.indexOf(arn) > 0) bound.splice(bound.indexOf(arn), 1);
        bound[0] = arn;
      } else if (action === 'AddListenerCertificates') {
        if (!bound.includes(arn) && bound.length > 25)
          return refuse('TooManyCertificates', 'You have reached the limit');
        if (!bound.includes(arn)) bound.push(arn);
      } else {
        if (bound.indexOf(arn) === 0)
          return refuse('OperationNotPermitted', 'The default certificate cannot be removed');
        if (bound.includes(arn)) bound.splice(bound.indexOf(arn), 1);
      }
    }
    return ok;
  }

  // ── the gateway ──────────────────────────────────────────────────────────────────────────────────────────────
  const calls: AwsCallRecord[] = [];
  let effects = Promise.resolve();
  let isPending = false;
  /** Changes within a moment take effect together. */
  const takeEffect = () => {
    if (isPending) return;
    isPending = true;
    effects = effects
      .then(() => wait(effectMs))
      .then(() => {
        isPending = false;
        return plane.refresh();
      })
      .catch(() => {});
  };

  async function handleQuery(record: AwsCallRecord, text: string): Promise<{ status: number; body: string }> {
    const { action, params } = record;
    const known = checks[action];
    if (!known) return xmlError(refuse('InvalidAction', `The action ${action} is not valid for this endpoint.`));
    const strange = Object.keys(params).find((name) => !known.params.test(name));
    if (strange !== undefined) return xmlError(refuse('ValidationError', `unknown parameter ${strange}`));
    const refused = await known.check?.(params);
    if (refused) return xmlError(refused);
    if (/^(Add|Remove)ListenerCertificates$|^ModifyListener$/.test(action)) {
      const wrong = changeBinding(action, params);
      return wrong ? xmlError(wrong) : xmlAnswer(action, '');
    }
    if (action === 'DescribeListenerCertificates') {
      const bound = bindings.get(params['ListenerArn'] ?? '');
      if (!bound) return xmlError(refuse('ListenerNotFound', 'One or more listeners not found'));
      const members = bound.map(
        (arn, at) => `<member><CertificateArn>${arn}</CertificateArn><IsDefault>${at === 0}</IsDefault></member>`,
      );
      return xmlAnswer(action, `<Certificates>${members.join('')}</Certificates>`);
    }
    if (action === 'DescribeTargetHealth') {
      const arn = params['TargetGroupArn'] ?? '';
      if (!(await groupsNow()).some((one) => textIn(one, 'TargetGroupArn') === arn))
        return xmlError(refuse('TargetGroupNotFound', 'One or more target groups not found'));
      const registered = listIn(await elb('DescribeTargetHealth', { TargetGroupArn: arn }), 'TargetHealthDescriptions');
      const seen = plane.health(arn);
      const members = registered.map((one) => {
        const [id, port] = [textIn(one, 'Target', 'Id'), textIn(one, 'Target', 'Port')];
        const { state, reason, description } = seen.find((other) => other.id === id && String(other.port) === port) ?? {
          ...{
            state: 'initial',
            reason: 'Elb.RegistrationInProgress',
            description: 'Target registration is in progress',
          },
        };
        const why = reason === '' ? '' : `<Reason>${reason}</Reason><Description>${description}</Description>`;
        return `<member><Target><Id>${id}</Id><Port>${port}</Port></Target><HealthCheckPort>${port}</HealthCheckPort><TargetHealth><State>${state}</State>${why}</TargetHealth></member>`;
      });
      return xmlAnswer(action, `<TargetHealthDescriptions>${members.join('')}</TargetHealthDescriptions>`);
    }
    if (action === 'CreateTargetGroup') {
      // Idempotent at AWS for the same settings.
      const same = (await groupsNow()).find((one) => textIn(one, 'TargetGroupName') === params['Name']);
      if (same) {
        const isSame = ['Port', 'VpcId', 'TargetType', 'HealthCheckPath'].every(
          (name) => textIn(same, name) === params[name],
        );
        if (!isSame) return xmlError(refuse('DuplicateTargetGroupName', 'A target group with the same name exists.'));
        return xmlAnswer(
          action,
          `<TargetGroups><member><TargetGroupArn>${textIn(same, 'TargetGroupArn')}</TargetGroupArn><TargetGroupName>${params['Name']}</TargetGroupName></member></TargetGroups>`,
        );
      }
    }
    const response = await fetch(moto.url, {
      method: 'POST',
      headers: { ...motoHeaders('elasticloadbalancing'), 'content-type': 'application/x-www-form-urlencoded' },
      body: text,
    });
    const body = await response.text();
    if (!response.ok) {
      const error = child(child(parseXml(body.replace(/<!\[CDATA\[(.*?)\]\]>/gs, '$1')), 'ErrorResponse'), 'Error');
      return xmlError(refuse(textIn(error, 'Code'), textIn(error, 'Message'), response.status));
    }
    if (!action.startsWith('Describe')) takeEffect();
    if (action === 'CreateRule') ruleArns?.add(/<RuleArn>([^<]+)/.exec(body)?.[1] ?? '');
    if (action === 'DeleteRule') ruleArns?.delete(params['RuleArn'] ?? '');
    if (action === 'DescribeAccountLimits')
      return {
        status: 200,
        body: body.replace(/(rules-per-application-load-balancer<\/Name>\s*<Max>)\d+/, `$1${ruleQuota}`),
      };
    return { status: 200, body };
  }

  /** The action that a policy does not allow; making something with tags needs a second one. */
  async function missing(policy: readonly PolicyStatement[], record: AwsCallRecord): Promise<string | undefined> {
    const { service, action, params, body } = record;
    const bodyTags = (body['Tags'] ?? []) as { readonly Key: string; readonly Value: string }[];
    const requested = service === 'acm' ? bodyTags : tagsIn(params);
    const object = params['RuleArn'] ?? params['TargetGroupArn'];
    const certificate = body['CertificateArn'] === undefined ? undefined : String(body['CertificateArn']);
    const keys: Record<string, string> = {};
    for (const { Key, Value } of requested) keys[`aws:RequestTag/${Key}`] = Value;
    const tagged =
      object === undefined
        ? Object.entries(certificate === undefined ? {} : certificates.tags(certificate))
        : await tagsAtMoto(object);
    for (const [key, value] of tagged) keys[`aws:ResourceTag/${key}`] = value;
    const resource = object ?? certificate ?? params['ListenerArn'] ?? params['LoadBalancerArn'] ?? '*';
    const needed = [{ action: `${service}:${action}`, resource, keys }];
    if (requested.length > 0 && service === 'elasticloadbalancing')
      needed.push({
        action: 'elasticloadbalancing:AddTags',
        resource: '*',
        keys: { ...keys, 'elasticloadbalancing:CreateAction': action },
      });
    if (requested.length > 0 && action === 'ImportCertificate')
      needed.push({ action: 'acm:AddTagsToCertificate', resource: '*', keys });
    return needed.find((one) => !allows(policy, one))?.action;
  }

  async function tagsAtMoto(arn: string): Promise<readonly (readonly [string, string])[]> {
    const found = await elb('DescribeTags', { 'ResourceArns.member.1': arn }).catch(() => ({}));
    return listIn(listIn(found, 'TagDescriptions')[0], 'Tags').map(
      (one) => [textIn(one, 'Key'), textIn(one, 'Value')] as const,
    );
  }

  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const isJson = request.headers['content-type'] === 'application/x-amz-json-1.1';
    const send = (status: number, text: string) => {
      response.writeHead(status, {
        'content-type': isJson ? 'application/x-amz-json-1.1' : 'text/xml',
        'x-amzn-requestid': randomUUID(),
      });
      response.end(text);
    };
    const signed = checkSignature(
      { method: request.method ?? '', target: request.url ?? '/', headers: request.headers, body },
      { keys, region: motoRegion, now: new Date() },
    );
    const form = isJson ? {} : Object.fromEntries(new URLSearchParams(body.toString('utf8')));
    const { Action = '', Version, ...params } = form;
    const action = isJson ? String(request.headers['x-amz-target']).replace('CertificateManager.', '') : Action;
    const record: AwsCallRecord = {
      ...{ service: isJson ? 'acm' : 'elasticloadbalancing', action, params, result: 'fine' },
      body: isJson ? (JSON.parse(body.toString('utf8') || '{}') as Record<string, unknown>) : {},
    };
    calls.push(record);
    const no = ({ status, code, message }: AwsRefusal) => {
      record.result = code;
      if (isJson) send(status, JSON.stringify({ __type: code, message }));
      else send(status, xmlError({ status, code, message }).body);
    };
    if ('code' in signed) return no(signed);
    if (signed.service !== record.service || (!isJson && Version !== '2015-12-01'))
      return no(
        refuse('SignatureDoesNotMatch', `Credential should be scoped to correct service: '${record.service}'.`, 403),
      );
    const needed = api.policy && (await missing(api.policy, record));
    if (needed) {
      const message = `User: arn:aws:iam::${account}:user/acme is not authorized to perform: ${needed} because no identity-based policy allows the ${needed} action`;
      no(isJson ? refuse('AccessDeniedException', message) : refuse('AccessDenied', message, 403));
      return;
    }
    const fate = api.interfere(record);
    if (fate === 'throttle') return no(refuse(isJson ? 'ThrottlingException' : 'Throttling', 'Rate exceeded'));
    if (fate === 'break')
      return no(refuse(isJson ? 'InternalFailure' : 'InternalFailure', 'An internal error has occurred.', 500));
    try {
      let answer: { status: number; body: string };
      if (isJson) {
        const result = certificates.call(action, record.body);
        if ('code' in result) return no(result as unknown as AwsRefusal);
        answer = { status: 200, body: JSON.stringify(result) };
      } else answer = await handleQuery(record, body.toString('utf8'));
      if (answer.status !== 200) record.result = /<Code>([^<]*)/.exec(answer.body)?.[1] ?? 'refused';
      if (fate === 'hang') {
        record.result = `${record.result}, no answer`;
        return;
      }
      if (fate === 'lose') {
        record.result = `${record.result}, answer lost`;
        request.socket.destroy();
        return;
      }
      send(answer.status, answer.body);
    } catch (error) {
      record.result = `bug in the test cloud: ${String(error)}`;
      no(refuse('InternalFailure', record.result, 500));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const api: AwsCloud = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: motoRegion,
    ...{ keys, loadBalancer, listeners, instances, vpc, moto, certificates, plane, calls },
    interfere: () => undefined,
    policy: undefined,
    rebind: (port, all) => void bindings.set(listeners.get(port) ?? '', [...all]),
    bound: (port) => bindings.get(listeners.get(port) ?? '') ?? [],
    async change(action, params) {
      const result = await elb(action, params);
      ruleArns = undefined;
      await plane.refresh();
      return result;
    },
    async settled() {
      await effects;
    },
    async clear() {
      ruleArns = undefined;
      const rules = await allRules();
      for (const one of rules) await elb('DeleteRule', { RuleArn: textIn(one, 'RuleArn') });
      const groups = (await groupsNow()).map((one) => textIn(one, 'TargetGroupArn')).filter((arn) => arn !== webGroup);
      for (const arn of groups) await elb('DeleteTargetGroup', { TargetGroupArn: arn });
      if (rules.length + groups.length > 0) await plane.refresh();
    },
    async snapshot() {
      const rules = await allRules();
      const groups = await groupsNow();
      const all = [
        ...rules.map((one) => textIn(one, 'RuleArn')),
        ...groups.map((one) => textIn(one, 'TargetGroupArn')),
      ];
      const tags = await elb(
        'DescribeTags',
        Object.fromEntries(all.map((arn, at) => [`ResourceArns.member.${at + 1}`, arn])),
      );
      const health = await Promise.all(
        groups.map((one) => elb('DescribeTargetHealth', { TargetGroupArn: textIn(one, 'TargetGroupArn') })),
      );
      return JSON.stringify([rules, groups, tags, health, [...bindings]], undefined, 1);
    },
    async stop() {
      forget();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await effects;
      await plane.stop();
      await moto.stop();
    },
  };
  const forget = atEnd(() => api.stop());
  return api;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const covers = (names: readonly string[], name: string): boolean =>
  names.some((one) => one === name || (one.startsWith('*.') && name.replace(/^[^.]+/, '*') === one));

const xmlError = ({ status, code, message }: AwsRefusal) => ({
  status,
  body: `<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
});

const xmlAnswer = (action: string, result: string) => ({
  status: 200,
  body: `<${action}Response xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><${action}Result>${result}</${action}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${action}Response>`,
});
