import { translation } from '../../template.ts';
import { balancers as english } from '../balancers.ts';

export const balancers = translation(english, {
  'balancer/refused': {
    message: '{balancer} 拒绝了 {action}：{reason}',
    hint: '未做任何改动。{advice}',
  },
  'balancer/unreachable': {
    message: '执行 {action} 时无法访问 {balancer}：{reason}',
    hint: '请检查地域、`endpoint` 选项（如果设置了）、网络和代理设置。',
  },
  'balancer/failed': {
    message: '{balancer} 执行 {action} 时出错：{reason}',
    hint: '服务本身有故障，或者中间的代理替它作了应答。',
  },
  'balancer/limited': {
    message: '{balancer} 目前不再接受调用（{action}）：{reason}',
    hint: '请等限额恢复。如果经常发生，请查明还有什么程序在用同一账号调用这个接口。',
  },
  'balancer/busy': {
    message: '{seconds} 秒后 {balancer} 仍在应用另一项改动，无法执行 {action}：{reason}',
    hint: '如果一直这样，请在服务商的控制台查看负载均衡的状态。',
  },
  'balancer/not-found': {
    message: '{balancer}：{what} 不存在：{reason}',
    hint: '请检查地域、负载均衡的 ID 和监听端口，并确认凭据属于负载均衡所在的账号。',
  },
  'balancer/quota': {
    message: '{balancer} 的 {what} 配额已用完：{reason}',
    hint: '请删除不再需要的资源，或者向服务商申请提高配额。',
  },
  'balancer/no-room': {
    message: '{target} 放不下 {certificate}：{reason}',
    hint: '没有下单。{advice}',
  },
  'balancer/no-target': {
    message: '无法把 {certificate} 部署到 {target}：{reason}',
    hint: '没有下单。请创建缺少的资源，或者修正部署目标的设置。',
  },
  'balancer/unsafe-rule': {
    message: '{balancer}：为 {host} 添加规则会抢走该域名的其他流量：{reason}',
    hint: '未做任何改动。{advice}',
  },
  'balancer/rule-in-the-way': {
    message: '{balancer}：另一套 certfleet（{owner}）正在使用 {where}：它的规则 {rule} 建于{age}前',
    hint: '未做任何改动。如果那套 certfleet 已经不在了（例如存储丢失），请删除它的遗留：`{command}`。如果它还在运行并且保留规则（`keep: true`），请让两套共用一个存储。',
  },
  'balancer/journal-full': {
    message: '{balancer}：已有 {count} 张证书在使用，存储中的日志放不下更多',
    hint: '未做任何改动。请去掉 solver 的 `keep: true`，这样证书只在下单期间占用日志；或者把多个域名合并到一张证书。',
  },
  'balancer/redirects': {
    message: '{balancer}：{port} 端口的监听只做重定向，上面的规则无法应答验证：{reason}',
    hint: '未做任何改动。{advice}',
  },
});
