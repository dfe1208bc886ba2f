import { translation } from '../../template.ts';
import { ca as english } from '../ca.ts';

export const ca = translation(english, {
  'acme/directory-unreachable': {
    message: '无法访问目录 {url}：{reason}',
    hint: '请检查 URL、网络和代理设置。私有 CA 请用 --ca-file，或 certfleet.yaml 中 issuer 的 `caFile`，给出它的根证书。',
  },
  'acme/certificate-dates': {
    message: '目录 {url} 不可信任：{reason}',
    hint: '如果本机时钟不准，请校准（NTP）。否则就是 CA 自己的 HTTPS 证书已过期或尚未生效。',
  },
  'acme/not-a-directory': {
    message: '{url} 不是 ACME 目录：{reason}',
    hint: '请检查 issuer 的目录 URL。',
  },
  'acme/clock-skew': {
    message: '本机时钟与 CA（{url}）相差 {span}',
    hint: '请校准本机时钟（NTP）。证书和续期时间都取决于它。',
  },
  'acme/no-account': {
    message: '存储中没有 {issuer} 的账户，无法为这次吊销签名',
    hint: '请改用证书自己的私钥签名：--with certificate-key；证书不在存储中时用 --key-path FILE。',
  },
  'acme/problem': {
    message: '{issuer} 拒绝了 {what}：{detail}',
    hint: '{advice}',
  },
  'acme/rate-limited': {
    message: '{issuer} 因速率限制拒绝了 {what}：{detail}',
    hint: '请等限制解除。参见 https://letsencrypt.org/docs/rate-limits/。',
  },
  'acme/limited': {
    message: '受速率限制，{until} 之前不能下单（{quota}）',
    hint: '在那之前下单会被 {issuer} 拒绝。`certfleet limits` 显示还剩多少。',
  },
  'acme/limited-too-long': {
    message: '受速率限制，{until} 之前不能下单（{quota}），但证书在 {notAfter} 就过期',
    hint: '在那之前，certfleet 也会每天向 {issuer} 试一次。请向 {issuer} 申请放宽限制并设置 issuer 的 `limits`，或者换一家 CA。',
  },
  'acme/account-deactivated': {
    message: '{issuer} 的账户 {account} 已停用，不能重新启用（RFC 8555 §7.3.6）',
    hint: '先修改指明这个账户的 CAA 记录，然后执行 `certfleet issue {certificate} --new-account`，为 {issuer} 的所有证书开一个新账户。在 issuer 下设置 `newAccount: true`，`renew` 就会自动开户。',
  },
  'acme/open-order': {
    message:
      '{detail}；{certificate} 这样的续期本来不受此限制，但它之前的一个订单（URL 在崩溃时丢失）仍未结束，所以被 {issuer} 拒绝',
    hint: '不用处理：certfleet 会自动再试，等 {issuer} 丢弃了之前的订单，或者限制解除，就会成功。',
  },
  'acme/paused': {
    message: '{issuer} 暂停了此账户对其中一个域名的签发：{detail}',
    hint: '请打开上面给出的网页，恢复账户。然后执行 `certfleet issue {certificate}`，或者等待：`renew` 一天之内会再试。',
  },
  'acme/busy': {
    message: '{issuer} 对 {what} 返回了 {status}',
    hint: 'CA 过载或发生故障。',
  },
  'acme/unreachable': {
    message: '{issuer} 没有应答 {what}：{reason}',
    hint: '请检查网络。订单会保留，下次继续。',
  },
  'acme/malformed-answer': {
    message: '{issuer} 对 {what} 的应答不符合 RFC 8555：{reason}',
    hint: '请报告给 CA，除非应答是被中间的代理改动的。',
  },
  'acme/invalid-authorization': {
    message: '{issuer} 无法通过 {challenge} 验证 {identifier}：{detail}',
    hint: '{advice}',
  },
  'acme/invalid-order': {
    message: '{issuer} 将 {certificate} 的订单标为无效：{detail}',
    hint: '下次会重新下单。',
  },
  'acme/profile-refused': {
    message: '{issuer} 不再提供 profile "{profile}"：{detail}',
    hint: '请用 --profile 或 certfleet.yaml 的 `profile` 换一个{others}，或者去掉这项设置。下次运行会用同一把私钥重新下单。只要设置不变，certfleet 每天会用这个 profile 试一次。已有的证书仍在使用。',
  },
  'acme/no-usable-challenge': {
    message: '{issuer} 为 {identifier} 提供的验证方式是 {offered}，但 solver {solver} 只能应答 {answers}',
    hint: '请为这张证书换一个 solver。',
  },
  'acme/wrong-certificate': {
    message: '{issuer} 返回的证书与订单不符：{reason}',
    hint: '没有保存，也没有部署；私钥会保留。请报告给 CA。',
  },
  'acme/timeout': {
    message: '{issuer} 没有在 {seconds} 秒内完成 {what}',
    hint: '订单会保留，下次继续。',
  },
  'acme/hold': {
    message: '{issuer} 要求等到 {until} 再为 {certificate} 下单（Retry-After）',
    hint: '请等到那时。`--force` 也不能跳过。',
  },
  'acme/external-account-required': {
    message: '{issuer} 只为自己的客户开户（外部账户绑定，EAB）',
    hint: '{advice}',
  },
  'acme/external-account-refused': {
    message: '{issuer} 没有用 EAB key ID {kid} 开户：{detail}',
    hint: '{advice}',
  },
  'acme/no-caa-identity': {
    message: '{issuer} 的目录没有说明 CAA 记录里该用什么名称',
    hint: '请在 CA 的文档中查找这个名称。',
  },
  'acme/cannot': {
    message: '{issuer} 不能 {what}：它的目录没有这种请求的 URL',
    hint: '请询问 CA 该怎么做，它的网页控制台可能可以。',
  },
  'acme/down': {
    message: '{issuer} 目前不接受订单，所以没有下单',
    hint: '本次运行中另一张证书下单失败，原因见它的错误。下次运行会先用一张证书试探。',
  },
});
