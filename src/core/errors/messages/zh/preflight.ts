import { translation } from '../../template.ts';
import { preflight as english } from '../preflight.ts';

export const preflight = translation(english, {
  'preflight/no': {
    message: '{finding}；没有请求 CA',
    hint: '{advice} 如果 CA 能看到本机看不到的内容，执行 `certfleet issue {certificate} --ignore-preflight`；新证书请在原来的命令后加上 --ignore-preflight。',
  },
  'preflight/cannot-tell': {
    message: '{finding}，而且一小时内已有三次验证失败；没有请求 CA',
    hint: '请解决上面的问题，或者等一小时再执行 `certfleet issue {certificate}`。',
  },
  'preflight/hides-wildcard': {
    message: '{identifier} 只靠通配符记录 {wildcard} 存在：在它下面添加 TXT 记录会让它的地址失效（RFC 4592）',
    hint: '请为 {identifier} 单独添加一条记录，或者用 HTTP-01，或者改为申请 {wildcard}。',
  },
});
