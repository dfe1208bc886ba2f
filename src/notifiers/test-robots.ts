import { createHmac } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';
import { isFields } from '../core/text/json.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import type { FakeClock } from '../testing/fake-clock.ts';
import { type FakeNotifyService, notifierBench } from '../testing/notifier-bench.ts';
import type { ShownMessage } from '../testing/notifier-contract.ts';
import dingtalk from './dingtalk.ts';
import feishu from './feishu.ts';
import wecom from './wecom.ts';

// The robots of DingTalk, Feishu and WeCom: most of their errors have status 200.

const isJson = ({ headers }: FakeRequest): boolean => /^application\/json\b/.test(headers['content-type'] ?? '');
const bytes = (text: string): number => Buffer.byteLength(text);

/** What a client turns into a link in a message of plain text: nothing that certfleet could prevent. */
const plain = (text: string, mentions: readonly string[] = []): ShownMessage => ({ text, links: [], mentions });

const dingToken = '566cc69da782ec33e42541b09b08551f09fbe864eb8008112e994b43887';
const dingSecret = 'SECb4a1f0c2d3e4f5a6b7c8d9e0f1a2b3c4';

export function testDingtalk(clock: FakeClock): FakeNotifyService {
  const accepted: ShownMessage[] = [];
  const say = (errcode: number, errmsg: string): FakeAnswer => ({ status: 200, body: { errcode, errmsg } });
  const link = 'link:请参考本接口对应文档获得具体要求，或者在https://open.dingtalk.com/document/  搜索相关文档;';
  const refuse = (what: string) => say(310000, `description:${what};solution:…;${link}`);
  const api = createFakeApi({
    clock,
    origin: 'https://oapi.dingtalk.com',
    routes: {
      'POST /robot/send': (request) => {
        const { searchParams } = request.url;
        if (searchParams.get('access_token') !== dingToken) return say(300005, 'token is not exist');
        const [timestamp, sign] = [searchParams.get('timestamp') ?? '', searchParams.get('sign') ?? ''];
        if (searchParams.getAll('sign').length !== 1) return refuse('机器人发送签名不匹配');
        if (!/^\d{13}$/.test(timestamp) || Math.abs(clock.now().getTime() - Number(timestamp)) > 3_600_000)
          return refuse('机器人发送签名过期');
        const right = createHmac('sha256', dingSecret).update(`${timestamp}\n${dingSecret}`).digest('base64');
        if (sign !== right) return refuse('机器人发送签名不匹配');
        if (!isJson(request)) return say(43004, 'invalid content type');
        const body = request.json();
        if (!isFields(body) || body['msgtype'] !== 'text') return say(40035, 'invalid parameter');
        const { content } = (body['text'] ?? {}) as { content?: unknown };
        if (typeof content !== 'string' || content === '') return say(40035, 'invalid parameter');
        if (bytes(request.text) > 20_000) return say(460101, 'message too long, exceed 20000 bytes');
        const at = (body['at'] ?? {}) as { atMobiles?: string[]; isAtAll?: boolean };
        accepted.push(plain(content, [...(at.atMobiles ?? []), ...(at.isAtAll ? ['all'] : [])]));
        return say(0, 'ok');
      },
    },
  });
  return { api, accepted };
}

const dingUrl = (token: string) => new Secret(`https://oapi.dingtalk.com/robot/send?access_token=${token}`);
export const dingtalkBench = notifierBench(dingtalk, {
  service: testDingtalk,
  options: { url: dingUrl(dingToken), secret: new Secret(dingSecret) },
  refused: { secret: new Secret('SECof-another-robot-000000') },
  echo: (said) => ({ status: 200, body: { errcode: 310000, errmsg: said } }),
  limit: () => ({
    status: 200,
    body: {
      status: 1111,
      wait: 5,
      source: 'x5',
      punish: 'deny',
      errcode: 130101,
      errmsg: 'send too fast, exceed 20 times per minute',
    },
  }),
  failure: { status: 500, body: 'internal server error' },
  secrets: [dingToken],
});

const hook = '5a9d1c3e-77aa-4c1b-9e2f-0123456789ab';
const feishuSecret = 'kP2mW9xQ4vB7nR1tY6zL3c';

export function testFeishu(clock: FakeClock): FakeNotifyService {
  const accepted: ShownMessage[] = [];
  const say = (code: number, msg: string, status = 200): FakeAnswer => ({ status, body: { code, data: {}, msg } });
  const textIn = (value: unknown): string | undefined => {
    if (!isFields(value) || typeof value['title'] !== 'string' || !Array.isArray(value['content'])) return undefined;
    const lines = value['content'].map((line: unknown) => {
      if (!Array.isArray(line)) return undefined;
      return line.map((part: unknown) => {
        if (!isFields(part) || part['tag'] !== 'text' || typeof part['text'] !== 'string') return undefined;
        return part['un_escape'] === true ? undefined : part['text'];
      });
    });
    if (lines.some((line) => line === undefined || line.length === 0 || line.includes(undefined))) return undefined;
    return [value['title'], ...lines.map((line) => line!.join(''))].join('\n');
  };
  const api = createFakeApi({
    clock,
    origin: 'https://open.feishu.cn',
    routes: {
      'POST /open-apis/bot/v2/hook/:hook': (request) => {
        if (request.params['hook'] !== hook) return say(19001, 'param invalid: incoming webhook access token invalid');
        if (bytes(request.text) > 20_480) return say(9499, 'Bad Request', 400);
        const body = isJson(request) ? request.json() : undefined;
        if (!isFields(body)) return say(9499, 'Bad Request', 400);
        const { timestamp, sign } = body;
        const right = createHmac('sha256', `${String(timestamp)}\n${feishuSecret}`)
          .update('')
          .digest('base64');
        const isNow = Math.abs(clock.now().getTime() / 1_000 - Number(timestamp)) <= 3_600;
        if (typeof timestamp !== 'string' || !/^\d{10}$/.test(timestamp) || !isNow || sign !== right)
          return say(19021, 'sign match fail or timestamp is not within one hour from current time');
        const post = isFields(body['content']) ? body['content']['post'] : undefined;
        const text = body['msg_type'] === 'post' && isFields(post) ? textIn(Object.values(post)[0]) : undefined;
        if (text === undefined) return say(9499, 'Bad Request', 400);
        accepted.push(plain(text));
        return {
          status: 200,
          body: { StatusCode: 0, StatusMessage: 'success', code: 0, data: {}, msg: 'success' },
        };
      },
    },
  });
  return { api, accepted };
}

export const feishuBench = notifierBench(feishu, {
  service: testFeishu,
  options: {
    url: new Secret(`https://open.feishu.cn/open-apis/bot/v2/hook/${hook}`),
    secret: new Secret(feishuSecret),
  },
  refused: { secret: new Secret('of-another-bot-00000') },
  echo: (said) => ({ status: 400, body: { code: 9499, msg: said, data: {} } }),
  limit: () => ({
    status: 200,
    body: { code: 11232, data: {}, msg: 'frequency limited psm[lark.oapi.app_platform_runtime]' },
  }),
  secrets: [hook],
});

const wecomKey = '693a91f6-7aab-4bc4-97a0-0ec2sifa5aaa';

export function testWecom(clock: FakeClock): FakeNotifyService {
  const accepted: ShownMessage[] = [];
  const more =
    'hint: [1755605200056773468916791], from ip: 192.0.2.7, more info at https://open.work.weixin.qq.com/devtool/query?e=';
  const say = (errcode: number, errmsg: string): FakeAnswer => ({
    status: 200,
    body: { errcode, errmsg: errcode === 0 ? errmsg : `${errmsg}, ${more}${errcode}` },
  });
  const api = createFakeApi({
    clock,
    origin: 'https://qyapi.weixin.qq.com',
    routes: {
      'POST /cgi-bin/webhook/send': (request) => {
        if (request.url.searchParams.get('key') !== wecomKey) return say(93000, 'invalid webhook url');
        const body = request.json();
        if (!isFields(body) || body['msgtype'] !== 'text') return say(40008, 'invalid message type');
        const text = (body['text'] ?? {}) as { content?: unknown; mentioned_list?: string[] };
        if (typeof text.content !== 'string' || text.content === '') return say(44004, 'empty content');
        if (bytes(text.content) > 2_048)
          return say(40058, 'text.content exceed max length 2048. invalid Request Parameter');
        const mentions = [...text.content.matchAll(/<@([^>]+)>/g)].map(([, who]) => who!);
        accepted.push(plain(text.content, [...mentions, ...(text.mentioned_list ?? [])]));
        return say(0, 'ok');
      },
    },
  });
  return { api, accepted };
}

const wecomUrl = (key: string) => new Secret(`https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=${key}`);
export const wecomBench = notifierBench(wecom, {
  service: testWecom,
  options: { url: wecomUrl(wecomKey) },
  refused: { url: wecomUrl('693a91f6-0000-4bc4-97a0-0ec2sifa5bbb') },
  echo: (said) => ({ status: 200, body: { errcode: 40008, errmsg: said } }),
  limit: () => ({ status: 200, body: { errcode: 45009, errmsg: `api freq out of limit, ${more45009}` } }),
  secrets: [wecomKey],
});
const more45009 = 'hint: [1773643642077182456917975], from ip: 192.0.2.7';
