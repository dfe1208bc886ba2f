import { translation } from '../../template.ts';
import { notifiers as english } from '../notifiers.ts';

export const notifiers = translation(english, {
  'notify/refused': {
    message: '{notifier} 拒绝了消息：{reason}',
    hint: '{advice} `certfleet alarms test {name}` 会发送一条测试消息。',
  },
  'notify/unreachable': {
    message: '无法访问 {notifier}：{reason}',
    hint: '请检查地址、网络和代理设置。`certfleet alarms test {name}` 会发送一条测试消息。',
  },
  'notify/unknown': {
    message: '{notifier} 没有说明是否收下了消息：{reason}',
    hint: '消息可能已经送达。请检查网络；`certfleet alarms test {name}` 会发送一条测试消息。',
  },
  'notify/failed': {
    message: '{notifier} 出错：{reason}',
    hint: '服务本身有故障，或者中间的代理替它作了应答。`certfleet alarms test {name}` 会发送一条测试消息。',
  },
  'notify/limited': {
    message: '{notifier} 目前不再接受消息：{reason}',
    hint: '请查明还有什么程序在用同一地址或令牌发送消息。certfleet 稍后会再次发送告警。',
  },
});
