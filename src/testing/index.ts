/**
 * The contract suites of certfleet's ports, for adapters outside this repository (`certfleet/testing`). Each takes the
 * `test` function of any test runner.
 */
export { type BalancerBench, balancerContract } from './balancer-contract.ts';
export { deployerContract } from './deployer-contract.ts';
export { type DnsApiBenchOptions, dnsApiBench, type FakeDnsService, fakeZones } from './dns-api-bench.ts';
export { type DnsApiBench, dnsApiContract } from './dns-api-contract.ts';
export { contractHosts } from './dns-provider-checks.ts';
export { type DnsProviderBench, dnsProviderContract } from './dns-provider-contract.ts';
export {
  createFakeApi,
  type FakeAnswer,
  type FakeApi,
  type FakeApiOptions,
  type FakeRequest,
  type Fault,
  type FaultScope,
} from './fake-api.ts';
export { type FakeClock, fakeClock } from './fake-clock.ts';
export {
  type NotifierBench,
  type NotifierFaults,
  notifierContract,
  type ShownMessage,
} from './notifier-contract.ts';
export { solverContract } from './solver-contract.ts';
export { storeContract } from './store-contract.ts';
