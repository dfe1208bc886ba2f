import { expect, it } from 'vitest';
import { behaves, type CommandLine, commandLine, jsonLines, type Row } from '../../../../test/support/command-line.ts';
import { fail } from '../../../core/errors/errors.ts';
import type { BalancerTrialReport } from '../../../fleet.ts';

const path = '/.well-known/acme-challenge/test-1';
const fine: BalancerTrialReport = { steps: [], host: 'www.example.com', path };
const yaml = (solvers = '') =>
  `balancers: { slb: { type: alibaba-clb, region: cn-x, loadBalancer: lb-1 } }\n${solvers}`;
const web = 'solvers: { web: { type: http01-forward-rule, balancer: slb, listen: "8080", keep: true } }\n';
const trying = (report: Partial<BalancerTrialReport> = {}, solvers = web): CommandLine => ({
  files: { '/c.yaml': yaml(solvers) },
  fleet: { tryBalancer: () => ({ ...fine, ...report }) },
});
const named = (name: string) => ({ solver: expect.objectContaining({ name }) });

it.each<Row>([
  {
    what: 'uses the declared solver behind the balancer',
    argv: 'balancer test slb www.Example.com --config /c.yaml',
    ...trying(),
    stdout: 'Trying the balancer slb with www.example.com.\nNothing is left.\n',
    calls: [{ host: 'www.example.com', ...named('web') }],
    warns: [/Next: get a certificate: `certfleet issue -d www\.example\.com --http web/],
  },
  {
    what: 'names the declared certificate of the host',
    argv: 'balancer test slb www.example.com --config /c.yaml',
    ...trying(
      {},
      `${web}issuers: { le: { directory: letsencrypt, agreeToTerms: true } }\ncertificates: [{ name: shop, identifiers: [www.example.com], solver: web }]\n`,
    ),
    warns: [/Next: get a certificate: `certfleet issue shop /],
  },
  {
    what: 'takes the name of a solver, and needs no host',
    argv: 'balancer test web --config /c.yaml',
    ...trying(),
    calls: [{ host: undefined, ...named('web') }],
    says: ['Trying the balancer slb.\n'],
  },
  {
    what: 'needs no declared solver',
    argv: 'balancer test slb --config /c.yaml',
    ...trying({}, ''),
    calls: [{ host: undefined, ...named('slb') }],
    warns: ['Next: declare a solver of type http01-forward-rule for slb.'],
  },
  {
    what: 'ends with the error’s exit code',
    argv: 'balancer test slb --config /c.yaml',
    ...trying({ error: fail('preflight/no', { finding: 'it answers 404', advice: 'Look.' }) }),
    code: 3,
    warns: ['it answers 404'],
    never: ['Nothing is left'],
  },
  {
    what: 'prints each step, and what is left',
    argv: 'balancer test slb --config /c.yaml',
    ...trying(),
    fleet: {
      tryBalancer: ({ told }) => {
        told({ step: 'listener', ms: 40, finding: 'lb-1: 3 rules' });
        told({ waitsFor: 'the health check', seconds: 60 });
        told({ left: 'HTTP 500' });
        return { ...fine, error: fail('balancer/failed', { balancer: 'slb', action: 'x', reason: 'HTTP 500' }) };
      },
    },
    code: 5,
    says: [/✓ listener +0\.0 s {2}lb-1: 3 rules\n/],
    warns: ['waiting for up to 60 s: the health check', 'The rule is left (HTTP 500); `certfleet sweep'],
  },
  {
    what: 'says that nothing is journalled without a store',
    argv: 'balancer test slb --config /c.yaml',
    files: { '/c.yaml': yaml(web) },
    fleet: {
      open: (() => {
        let isFirst = true;
        return () => {
          if (isFirst) {
            isFirst = false;
            throw fail('store/absent', { path: '/var/lib/certfleet' });
          }
        };
      })(),
      tryBalancer: ({ told }) => {
        told({ adds: path });
        return fine;
      },
    },
    warns: [/There is no store at \/var\/lib\/certfleet, so nothing is journalled\..*`certfleet sweep --lost/s],
  },
  {
    what: 'prints nothing with --quiet if all is well',
    argv: 'balancer test slb --config /c.yaml --quiet',
    ...trying(),
    stdout: '',
    stderr: '',
  },
  {
    what: 'names the balancer that was meant',
    argv: 'balancer test slp --config /c.yaml',
    ...trying(),
    code: 2,
    warns: [/there is no balancer "slp".*slb/],
    calls: [],
  },
  {
    what: 'refuses an address',
    argv: 'balancer test slb 192.0.2.1 --config /c.yaml',
    ...trying(),
    code: 2,
    warns: ['192.0.2.1: expected a host name'],
  },
  { what: 'needs a balancer', argv: 'balancer test', code: 2, warns: ["missing required argument 'balancer'"] },
])('$what', behaves);

it('prints the whole report as an object', async () => {
  const done = await commandLine(trying()).run('balancer', 'test', 'slb', '--config', '/c.yaml', '--json');
  expect(jsonLines(done)).toEqual([
    expect.objectContaining({ v: 1, object: 'balancer-test', balancer: 'slb', solver: 'web', path, ok: true }),
  ]);
});
