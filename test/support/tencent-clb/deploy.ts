import { refuse } from '../tencent-gateway/errors.ts';
import type { Action, Call } from '../tencent-gateway/gateway.ts';
import type { Cloud } from './cloud.ts';
import { covers, type Hosts } from './hosts.ts';
import type { Binding, LoadBalancer } from './model.ts';
import type { Tasks } from './tasks.ts';

// DeployCertificateInstance. Sources: tencentcloud-sdk-nodejs ssl v20191205 (forms of instances, DeployStatus,
// the record), certimate #1331 #129 #176 and allinssl #239 #323 (a repeat is refused), cloud.tencent.com 400/91658,
// susunola/wecert (the counters are null at first).

interface Place {
  readonly text: string;
  /** What it has. */
  readonly certIds: readonly string[];
  /** A balancer, which is busy meanwhile. */
  readonly balancer: LoadBalancer | undefined;
  /** What the record says of it. */
  readonly about: Readonly<Record<string, unknown>>;
  begin(certId: string): void;
  /** Binds the certificate, or leaves all as it was. */
  end(certId: string, isDone: boolean): void;
}

interface DeployRecord {
  readonly id: number;
  readonly certId: string;
  readonly type: string;
  readonly places: readonly Place[];
  readonly beginMs: number;
  readonly endMs: number;
  /** Places that fail, with the reason. */
  readonly failures: ReadonlyMap<string, string>;
  isOver: boolean;
}

export interface Deployments {
  readonly actions: Readonly<Record<string, Action>>;
  settle(): void;
  /** Ends everything that is under way. */
  endAll(): void;
  /** Lets the next deployments to a place (`lb-…|lbl-…|www.example.com`) fail. */
  fail(place: string, message: string, times: number): void;
}

export function createDeployments(cloud: Cloud, tasks: Tasks, hosts: Hosts, deployMs: number): Deployments {
  const records = new Map<number, DeployRecord>();
  const failures = new Map<string, { readonly message: string; readonly times: number }>();
  let lastId = 1_000_000;

  function listenerPlace(text: string, region: string): Place {
    const [id = '', listenerId, domain] = text.split('|');
    const balancer = cloud.balancers.get(id);
    const listener = balancer?.listeners.find((one) => one.id === listenerId);
    const rules = listener?.rules.filter(({ domains }) => domain !== undefined && domains.includes(domain)) ?? [];
    const isFine = listener?.protocol === 'HTTPS' && (listener.sni ? rules.length > 0 : domain === undefined);
    if (balancer?.region !== region || listener === undefined || !isFine)
      throw refuse('FailedOperation.CertificateNotDeployInstance', `${text} cannot get the certificate.`);
    return {
      ...{ text, balancer, certIds: (listener.sni ? rules[0]!.binding : listener.binding)?.certIds ?? [] },
      about: {
        ...{ InstanceId: balancer.id, InstanceName: balancer.name, ListenerId: listener.id, Protocol: 'HTTPS' },
        ...{ Domains: domain === undefined ? [] : [domain], SniSwitch: listener.sni ? 1 : 0 },
      },
      begin() {},
      end(certId, isDone) {
        if (!isDone) return;
        if (listener.sni) for (const rule of rules) rule.binding = rebound(rule.binding, certId);
        else listener.binding = rebound(listener.binding, certId);
      },
    };
  }

  function hostPlace(product: string, text: string, names: readonly string[]): Place {
    const { host, apply } = hosts.find(product, text);
    if (!covers(names, host.domain))
      throw refuse('FailedOperation.CertificateNotDeployInstance', `${text} is not a name of the certificate.`);
    return {
      ...{ text, balancer: undefined, certIds: host.certId === undefined ? [] : [host.certId] },
      about: { InstanceId: host.domain, Domains: [host.domain], Bucket: host.bucket, Region: host.region },
      begin(certId) {
        apply();
        host.next = certId;
      },
      end(certId, isDone) {
        host.next = undefined;
        if (isDone) host.certId = certId;
      },
    };
  }

  /** The client check and the certificate of the other algorithm stay. */
  function rebound(old: Binding | undefined, certId: string): Binding {
    const algorithm = cloud.certificates.get(certId)?.algorithm;
    const others = (old?.certIds ?? []).filter((id) => cloud.certificates.get(id)?.algorithm !== algorithm);
    const none = { SSLMode: 'UNIDIRECTIONAL', SSLVerifyClient: '', CertCaId: '' };
    return { ...none, ...old, certIds: [certId, ...others] };
  }

  function deploy({ values, region, requestId }: Call): Record<string, unknown> {
    const certId = values.needed('CertificateId');
    const certificate = cloud.certificates.get(certId);
    if (certificate === undefined) throw refuse('FailedOperation.CertificateNotFound', 'No such certificate.');
    const type = values.text('ResourceType') ?? 'clb';
    if (!['clb', 'cdn', 'teo', 'waf', 'cos', 'live', 'vod'].includes(type))
      throw refuse('FailedOperation.CertificateHostResourceTypeInvalid', 'The fake does not have this type.');
    if (region === '' && ['clb', 'waf', 'cos'].includes(type))
      throw refuse('MissingParameter', 'The request is missing `Region`.');
    settle();
    const pending = [...records.values()].find((one) => one.certId === certId && !one.isOver);
    if (pending !== undefined) return { DeployRecordId: pending.id, DeployStatus: 0 };
    const places = values
      .texts('InstanceIdList')
      .map((text) => (type === 'clb' ? listenerPlace(text, region) : hostPlace(type, text, certificate.names)));
    if (places.length === 0) throw refuse('FailedOperation.CertificateDeployInstanceEmpty', 'There is no instance.');
    // One place that has it refuses the whole call.
    for (const { text, certIds } of places)
      if (certIds.includes(certId))
        throw refuse('FailedOperation.CertificateNotDeployInstance', `${text} has the certificate already.`);
    lastId += 1;
    const broken = new Map<string, string>();
    for (const { text } of places) {
      const { message, times } = failures.get(text) ?? { message: '', times: 0 };
      if (times > 0) broken.set(text, message);
      failures.set(text, { message, times: times - 1 });
    }
    const beginMs = cloud.nowMs();
    const endMs = beginMs + deployMs;
    const about = { id: lastId, certId, type, places, beginMs, endMs, failures: broken, isOver: false };
    const balancers = [...new Set(places.flatMap(({ balancer }) => balancer ?? []))];
    tasks.begin(`${requestId}-deploy`, 'DeployCertificateInstance', balancers, () => {});
    for (const place of places) place.begin(certId);
    records.set(lastId, about);
    settle();
    return { DeployRecordId: lastId, DeployStatus: 1 };
  }

  function endUntil(ms: number): void {
    for (const record of records.values())
      if (!record.isOver && record.endMs <= ms) {
        record.isOver = true;
        for (const place of record.places) place.end(record.certId, !record.failures.has(place.text));
        for (const { balancer } of record.places) if (balancer !== undefined) tasks.applied(balancer);
      }
  }
  const settle = () => endUntil(cloud.nowMs());

  function detail({ values }: Call): Record<string, unknown> {
    settle();
    const record = records.get(Number(values.needed('DeployRecordId')));
    if (record === undefined) throw refuse('InvalidParameter', 'The record does not exist.');
    const [offset, limit] = [values.integer('Offset', 0, 1e6) ?? 0, values.integer('Limit', 1, 200) ?? 10];
    const rows = record.places.map(({ text, certIds, about }, index) => {
      const reason = record.failures.get(text);
      return {
        ...{ Id: record.id * 100 + index, CertId: record.certId, OldCertId: certIds[0] ?? '', ...about },
        ...{ Status: !record.isOver ? 0 : reason === undefined ? 1 : 2, ErrorMsg: record.isOver ? (reason ?? '') : '' },
      };
    });
    const count = (status: number) => rows.filter(({ Status }) => Status === status).length;
    // At first there are no numbers yet, which does not mean none.
    const isNew = !record.isOver && cloud.nowMs() - record.beginMs < deployMs / 2;
    return {
      TotalCount: isNew ? null : rows.length,
      SuccessTotalCount: isNew ? null : count(1),
      FailedTotalCount: isNew ? null : count(2),
      RunningTotalCount: isNew ? null : count(0),
      PendingTotalCount: isNew ? null : 0,
      DeployRecordDetailList: isNew ? null : rows.slice(offset, offset + limit),
    };
  }

  /** The records of a certificate. It is not documented in which order they are. */
  function list({ values }: Call): Record<string, unknown> {
    settle();
    const [certId, type] = [values.needed('CertificateId'), values.text('ResourceType')];
    const [offset, limit] = [values.integer('Offset', 0, 1e6) ?? 0, values.integer('Limit', 1, 200) ?? 10];
    const found = [...records.values()].filter(
      (one) => one.certId === certId && (type === undefined || one.type === type),
    );
    const rows = found.map(({ id, type: ResourceType, isOver, failures: broken }) => ({
      ...{ Id: id, CertId: certId, ResourceType, Status: !isOver ? 0 : broken.size === 0 ? 1 : 2 },
    }));
    return { TotalCount: rows.length, DeployRecordList: rows.slice(offset, offset + limit) };
  }

  return {
    settle,
    endAll: () => endUntil(Number.POSITIVE_INFINITY),
    fail: (place, message, times) => void failures.set(place, { message, times }),
    actions: {
      DeployCertificateInstance: {
        parameters: {
          ...{ 'CertificateId!': 'text', 'InstanceIdList!': { list: 'text', most: 100 }, ResourceType: 'text' },
          ...{ Status: 'integer', IsCache: 'integer' },
        },
        perSecond: 10,
        resources: ({ values }) => [`qcs::ssl::uin/${cloud.uin}:certificate/${values.needed('CertificateId')}`],
        run: deploy,
      },
      DescribeHostDeployRecord: {
        parameters: { 'CertificateId!': 'text', Offset: 'integer', Limit: 'integer', ResourceType: 'text' },
        perSecond: 10,
        run: list,
      },
      DescribeHostDeployRecordDetail: {
        parameters: { 'DeployRecordId!': 'text', Offset: 'integer', Limit: 'integer' },
        perSecond: 10,
        run: detail,
      },
    },
  };
}
