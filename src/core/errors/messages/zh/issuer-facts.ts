/** What certfleet knows of public CAs (`known-issuers.ts`), as `certfleet issuers` shows it. */
export const issuerFacts: Readonly<Record<string, string>> = {
  'Up to 100 names and wildcards (25 with tlsserver and shortlived); IP addresses with shortlived only.':
    '最多 100 个域名，支持通配符（tlsserver 和 shortlived 最多 25 个）；只有 shortlived 支持 IP 地址。',
  'Limits: 50 new certificates a week for each registered domain, 5 a week for the same set of names, 300 orders in 3 hours for each account, 5 failed validations an hour for each name. Renewals at the time that it suggests are exempt.':
    '限制：每个注册域名每周 50 张新证书，同一组域名每周 5 张，每个账户 3 小时内 300 个订单，每个域名每小时 5 次验证失败。在它建议的时间续期不受限制。',
  'It keeps no e-mail addresses, and sends no messages about expiry.': '它不保存邮箱地址，也不发送过期提醒。',
  'Limits are far higher than in production, but only 20 requests a second are answered.':
    '限制比生产环境宽松得多，但每秒只应答 20 个请求。',
  'Up to 100 names, and wildcards. No IP addresses over ACME. No key rollover.':
    '最多 100 个域名，支持通配符。ACME 不支持 IP 地址。不支持更换账户密钥。',
  'Up to 100 names, and wildcards. IP addresses only by agreement.': '最多 100 个域名，支持通配符。IP 地址需另行约定。',
  'Validity from 1 to 90 days on request. A failed challenge is not tried again within its order.':
    '有效期可以指定为 1 到 90 天。验证失败后，同一订单内不会再试。',
  'Without payment: one name and its www. Wildcards and more names cost money; an account with funds is charged.':
    '免费：一个域名及其 www。通配符和更多域名收费；账户有余额时会扣费。',
  'No IP addresses, no renewal information (ARI), no key rollover.': '不支持 IP 地址、续期建议 (ARI) 和更换账户密钥。',
  'Without payment: one name and its www, 90 days. Wildcards, more names and IP addresses cost money.':
    '免费：一个域名及其 www，90 天。通配符、更多域名和 IP 地址收费。',
  'It does not reuse validations. A challenge that failed stays open, so certfleet gives up after its own time limit.':
    '它不复用验证结果。失败的验证会一直处于未完成状态，所以 certfleet 在自己的时限之后放弃。',
  'Several names, and wildcards.': '支持多个域名和通配符。',
  'Names, wildcards and limits depend on your contract.': '域名、通配符和限制取决于合同。',
};
