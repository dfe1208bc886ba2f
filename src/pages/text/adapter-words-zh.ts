/** What else adapters and known CAs say of themselves, in Simplified Chinese, by their English. */
export const adapterWordsZh: Readonly<Record<string, string>> = {
  // Descriptions of options.
  'By default the key id of `eab`, else `default`.': '默认为 `eab` 的 Key ID，没有则为 `default`。',
  'A rule that answers itself needs no responder, server group, health check or open port.':
    '由规则自己应答时，不需要应答程序、服务器组、健康检查，也不用开放端口。',
  'A rule that answers itself needs no responder, target group, health check or open port.':
    '由规则自己应答时，不需要应答程序、目标组、健康检查，也不用开放端口。',
  'The JSON of their file, so mostly `file:/etc/acmedns/clientstorage.json`.':
    '其文件中的 JSON；在 certfleet.yaml 中一般写成 `file:/etc/acmedns/clientstorage.json`。',
  'dns-account-01 has a label made of the account’s URL in front of `_acme-challenge`, so that several installations can have a CNAME of their own for one name. The CA must offer it. dns-persist-01 needs one record that stays, `_validation-persist`, so a renewal changes nothing; where the CA does not offer it, dns-01 is answered.':
    'dns-account-01 在 `_acme-challenge` 前加上由账户网址算出的标签，多套系统可以为同一域名各设一条 CNAME；CA 须支持。dns-persist-01 只需一条长期保留的 `_validation-persist` 记录，续期不再改动 DNS；CA 不支持时改用 dns-01。',
  'For zones that answer otherwise elsewhere: views, or lines by region as DNSPod and Alibaba Cloud have them.':
    '用于不同地方应答不同的区域，例如分视图解析，或 DNSPod、阿里云的分线路解析。',
  '`default`: `fqdn` and `value`. `RAW`: `domain`, `token` and `keyAuth`.':
    '`default`：`fqdn` 和 `value`。`RAW`：`domain`、`token` 和 `keyAuth`。',
  'The setting `api-key` of the server.': '服务器的 `api-key` 设置。',
  'The text between the quotes of `secret` in what `tsig-keygen` prints, or all that it prints.':
    '`tsig-keygen` 输出中 `secret` 引号里的内容，也可以粘贴全部输出。',
  '`default`: the default certificate of the listener. `extensions`: a domain extension for each name. `auto`: the first if it loses no name, else the second. A name that has an extension always gets the certificate there.':
    '`default`：监听的默认证书。`extensions`：每个域名一个扩展域名。`auto`：不会丢失域名时用前者，否则用后者。已有扩展域名的，证书总是放在那里。',
  'It becomes the default certificate only if it covers every name that the default certificate before it covers.':
    '只有覆盖了原默认证书的全部域名，才会成为默认证书。',
  'In place, the ARN stays, and with it everything else that refers to the certificate. A new type of key always needs a swap.':
    '覆盖导入时 ARN 不变，引用该证书的其他配置也不受影响。更换密钥类型时只能替换。',
  'A secret, because anyone who knows such an address can send messages.': '属于机密：知道这个地址的人都能发送消息。',
  'An object is sent as JSON, with the placeholders in its texts filled in, and a text as it is.':
    '对象以 JSON 发送，其中的占位符会被替换；文本按原样发送。',

  // Where the keys of an account come from.
  'In the dashboard of your SSL.com account, under API credentials: account key and HMAC key.':
    '在 SSL.com 账户控制台的 API credentials 中：account key 和 HMAC key。',
  'At {url}.': '在 {url}。',
  'With `gcloud publicca external-account-keys create`. Each is good for one account, within 7 days.':
    '用 `gcloud publicca external-account-keys create` 获取。每个只能用于一个账户，7 天内有效。',
  'With `gcloud publicca external-account-keys create`, after `gcloud config set api_endpoint_overrides/publicca {url}`. The keys of the real CA are not valid here.':
    '先执行 `gcloud config set api_endpoint_overrides/publicca {url}`，再用 `gcloud publicca external-account-keys create` 获取。正式 CA 的密钥在这里无效。',
  'In the customer area of Actalis, under ACME credentials.': '在 Actalis 客户中心的 ACME credentials 中。',
  'In the EAB manager of your account at {url}.': '在账户的 EAB 管理中：{url}。',
  'In your account at {url}.': '在账户中：{url}。',
  'With your subscription.': '随订阅提供。',
  'From the certificate profile in DigiCert Trust Lifecycle Manager.':
    '在 DigiCert Trust Lifecycle Manager 的 certificate profile 中。',
  'In the Atlas portal.': '在 Atlas 门户中。',

  // Titles of CAs and of types. Names of products that have no Chinese name stay.
  "Let's Encrypt (staging: untrusted test certificates)": "Let's Encrypt（测试环境，证书不受信任）",
  'Google Trust Services (staging: untrusted test certificates)': 'Google Trust Services（测试环境，证书不受信任）',
  'SSL.com (for P-256 and P-384 keys)': 'SSL.com（P-256 和 P-384 密钥）',
  'SSL.com (another name of sslcom)': 'SSL.com（与 sslcom 相同）',
  'SSL.com (for RSA keys)': 'SSL.com（RSA 密钥）',
  'Alibaba Cloud ALB (Application Load Balancer)': '阿里云 ALB（应用型负载均衡）',
  'Alibaba Cloud CLB (Classic Load Balancer, formerly SLB)': '阿里云 CLB（传统型负载均衡，原 SLB）',
  'AWS Application Load Balancer': 'AWS ALB（应用程序负载均衡器）',
  'Huawei Cloud ELB (Elastic Load Balance)': '华为云 ELB（弹性负载均衡）',
  'Tencent Cloud CLB (Cloud Load Balancer)': '腾讯云 CLB（负载均衡）',
  'Alibaba Cloud DNS (Alidns)': '阿里云云解析 DNS（Alidns）',
  'Baidu AI Cloud DNS': '百度智能云 DNS',
  'DNSPod (Tencent Cloud DNS)': 'DNSPod（腾讯云 DNS 解析）',
  'Hetzner (the API of Hetzner Console)': 'Hetzner（Hetzner Console 的 API）',
  'HTTP request (lego’s httpreq)': 'HTTP 请求（lego 的 httpreq）',
  'HTTP-01 by the proxies’ own configuration': 'HTTP-01：由代理自身的配置应答',
  'HTTP-01 responder': 'HTTP-01：应答程序',
  'HTTP-01 through a forward rule of one of the load balancers': 'HTTP-01：负载均衡转发规则',
  'Huawei Cloud DNS': '华为云 DNS（云解析服务）',
  'JD Cloud DNS': '京东云 DNS',
  'Linode (Akamai)': 'Linode（Akamai）',
  'NS1 (IBM NS1 Connect)': 'NS1（IBM NS1 Connect）',
  'PowerDNS (HTTP API of an own server)': 'PowerDNS（自建服务器的 HTTP API）',
  'RFC 2136 dynamic update (BIND, Knot, PowerDNS…)': 'RFC 2136 动态更新（BIND、Knot、PowerDNS 等）',
  'TLS-ALPN-01 responder': 'TLS-ALPN-01：应答程序',
  'Volcengine DNS (TrafficRoute)': '火山引擎云解析（TrafficRoute DNS）',
  'West.cn (西部数码)': '西部数码（West.cn）',
  'Alibaba Cloud CDN and DCDN': '阿里云 CDN 和 DCDN（全站加速）',
  'Alibaba Cloud Certificate Management Service (CAS), upload only': '阿里云数字证书管理服务（CAS），仅上传',
  'Alibaba Cloud ESA (Edge Security Acceleration)': '阿里云 ESA（边缘安全加速）',
  'Alibaba Cloud OSS, custom domain names of a bucket': '阿里云 OSS（Bucket 的自定义域名）',
  'AWS Certificate Manager and a listener of an Application Load Balancer': 'AWS ACM 和 ALB 的监听器',
  'HTTPS listener of an Alibaba Cloud ALB (Application Load Balancer)': '阿里云 ALB（应用型负载均衡）的 HTTPS 监听',
  'TCPSSL listener of an Alibaba Cloud NLB (Network Load Balancer)': '阿里云 NLB（网络型负载均衡）的 TCPSSL 监听',
  'Huawei Cloud CDN': '华为云 CDN',
  'Qiniu CDN': '七牛云 CDN',
  'Tencent Cloud CDN, EdgeOne, WAF, COS and live domains': '腾讯云 CDN、EdgeOne、WAF、COS 和云直播的域名',
  'Webhook (a server of your own)': 'Webhook（自己的服务器）',
  'Webhook (a server of your own, or any service that has one)': 'Webhook（自己的服务器，或支持 Webhook 的服务）',
  'DingTalk (custom robot of a group)': '钉钉（群自定义机器人）',
  'E-mail (SMTP)': '电子邮件（SMTP）',
  'Feishu or Lark (custom bot of a group)': '飞书或 Lark（群自定义机器人）',
  'Slack (incoming webhook)': 'Slack（Incoming Webhook）',
  'Telegram (bot)': 'Telegram（机器人）',
  'WeCom (group robot)': '企业微信（群机器人）',
};
