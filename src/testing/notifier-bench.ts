import { Secret } from '../core/errors/secret.ts';
import { present } from '../core/text/present.ts';
import type { NotifierDefinition, z } from '../define.ts';
import type { Http } from '../ports/http.ts';
import { fakeWorld } from './dns-api-bench.ts';
import { createFakeApi, type FakeAnswer, type FakeApi } from './fake-api.ts';
import { type FakeClock, fakeClock } from './fake-clock.ts';
import type { NotifierBench, ShownMessage } from './notifier-contract.ts';

/** A strict fake of a service, with what it has accepted. */
export interface FakeNotifyService {
  readonly api: FakeApi;
  readonly accepted: readonly ShownMessage[];
}

export interface NotifierBenchOptions<Shape extends z.ZodObject> {
  /** Creates a fake for each check. */
  readonly service: (clock: FakeClock) => FakeNotifyService;
  /** Options with the right secrets. */
  readonly options: z.input<Shape>;
  /** Options that the service refuses. */
  readonly refused: Partial<z.input<Shape>>;
  /** The service's answer after too many messages, if it says when the next one may come or if it does not. */
  readonly limit?: (seconds: number) => FakeAnswer;
  /** Its answer if it fails by itself, if that is no plain 500. */
  readonly failure?: FakeAnswer;
  /** How it repeats something in a refusal. */
  readonly echo: (said: string) => FakeAnswer;
  /** Secrets besides each `Secret` in the options: parts of them. */
  readonly secrets?: readonly string[];
}

/** The bench of a notifier with an HTTP API, on a fake clock, with a fake of its service. */
export function notifierBench<Shape extends z.ZodObject>(
  definition: NotifierDefinition<Shape>,
  given: NotifierBenchOptions<Shape>,
): () => Promise<NotifierBench & { readonly api: FakeApi; readonly clock: FakeClock }> {
  return async () => {
    const clock = fakeClock();
    const { api, accepted } = given.service(clock);
    const nowhere = createFakeApi({ clock, origin: 'https://nowhere.test', routes: {} });
    const lines: string[] = [];
    const world = fakeWorld(clock, lines);
    let tries = 0;
    const counting: Http = {
      ...api.http,
      request(request) {
        tries += 1;
        return api.http.request(request);
      },
    };
    let [http, more]: [Http, Partial<z.input<Shape>>] = [counting, {}];
    const secretsIn = (some: object) =>
      Object.values(some).flatMap((option) => (option instanceof Secret ? [option.reveal()] : []));
    const { limit, failure = { status: 500, body: 'internal error' }, echo } = given;
    return {
      ...{ api, clock },
      connect: () =>
        definition.connect({
          name: 'ops',
          options: definition.options.parse({ ...given.options, ...more }) as z.infer<Shape>,
          world: world(http),
        }),
      messages: async () => accepted,
      tries: () => tries,
      faults: {
        refuse() {
          more = given.refused;
        },
        unreachable() {
          http = nowhere.http;
        },
        loseAnswer: () => api.fault({ kind: 'lost' }),
        hang: () => api.fault({ kind: 'hang' }, { times: 99 }),
        fail: () => api.fault({ kind: 'status', ...failure }),
        echo: () => api.fault({ kind: 'echo', answer: echo }),
        page: (status) => api.fault({ kind: 'html', status }),
        redirect: () =>
          api.fault({
            kind: 'status',
            status: 307,
            headers: { location: `https://elsewhere.test/${secretsIn(given.options).join('/')}` },
          }),
        ...present({
          limit:
            limit &&
            // A service that does not say when is asked again after a while.
            ((seconds: number) => api.fault({ kind: 'status', ...limit(seconds) }, { times: seconds > 60 ? 99 : 1 })),
        }),
      },
      secrets: [...new Set([...secretsIn(given.options), ...secretsIn(given.refused), ...(given.secrets ?? [])])],
      logged: () => lines,
      passWhile: (running) => clock.passWhile(running),
      stop: async () => {
        if (api.unknown.length > 0) throw new Error(`unknown requests: ${api.unknown.join(', ')}`);
      },
    };
  };
}
