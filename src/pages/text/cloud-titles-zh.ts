/** The titles of the options of balancers, targets and notifiers in Simplified Chinese, by the English of the schemas. */
export const cloudTitlesZh: Readonly<Record<string, string>> = {
  // Balancers.
  'Region of the load balancer': '负载均衡所在的地域',
  'Id of the load balancer': '负载均衡的 ID',
  'Name or ARN of the load balancer': '负载均衡的名称或 ARN',
  'ARN of the listener, instead of loadBalancer': '监听器的 ARN（代替 loadBalancer）',
  'Port of the HTTP listener that the CA’s requests reach': '接收 CA 请求的 HTTP 监听端口',
  'Port of the listener that the CA’s requests reach': '接收 CA 请求的监听端口',
  'Endpoint of the API, if not the region’s': 'API 地址（默认由地域决定）',
  'Endpoint of ELB, if not that of the region; it needs `projectId`':
    'ELB 的 API 地址（默认由地域决定；填写时须有 `projectId`）',
  'Whether a rule forwards to the responder or answers a token itself': '规则转发到应答程序，还是自己应答 token',
  'Kind of the server': '服务器的种类',
  'Id of the ECS instance, ENI or ECI': 'ECS 实例、ENI 或 ECI 的 ID',
  'Id of the ECS instance, ENI or ECI, or an address': 'ECS 实例、ENI 或 ECI 的 ID，或 IP 地址',
  'Private address, for an ENI or ECI': '内网地址（ENI 或 ECI）',
  'Port of the responder, as the load balancer reaches it': '应答程序的端口（负载均衡访问的端口）',
  'How many rules the load balancer may have, if your account’s quota was raised':
    '负载均衡的规则数上限（账户配额已提高时）',
  'How many rules a listener may have: raise it together with the quota of your account':
    '一个监听的规则数上限（随账户配额一起调高）',
  'Whether the target group has instances or addresses; by default as `backend` says':
    '目标组的类型：实例或 IP 地址（默认与 `backend` 一致）',
  'Id of the instance': '实例 ID',
  'Id of the CVM instance': 'CVM 实例的 ID',
  'Private address, instead of the id': '内网地址（代替 ID）',
  'Private address of a network interface, instead of the id': '网卡的内网地址（代替 ID）',
  'Private address of the server': '服务器的内网地址',
  'The address is outside the VPC of the load balancer': '地址不在负载均衡的 VPC 内',
  'VPC of the target group; by default that of the load balancer': '目标组的 VPC（默认与负载均衡相同）',
  'Id of the IPv4 subnet of the servers; without it, the load balancer needs IP as a Backend':
    '服务器所在 IPv4 子网的 ID（不填时，负载均衡须开启跨 VPC 后端，即 IP as a Backend）',

  // Targets.
  'The accelerated domains, or `covered`: all that the certificate covers and that have HTTPS on':
    '加速域名；或 `covered`：证书覆盖且已开启 HTTPS 的全部域名',
  'The domains, or `covered`: all of the product that the certificate covers and that have HTTPS on':
    '域名；或 `covered`：该产品中证书覆盖且已开启 HTTPS 的全部域名',
  'Domains that `covered` leaves alone': '`covered` 不改动的域名',
  'The site where the account was opened': '账户注册的站点（中国站或国际站）',
  'The site where the account was opened, which decides where its certificates are kept':
    '账户注册的站点（中国站或国际站），决定证书存放在哪里',
  'The site whose certificates the listener takes; by default, as the region of the load balancer':
    '监听使用哪个站点的证书（默认由负载均衡的地域决定）',
  'Endpoint of the Certificate Management Service, if not the site’s': '数字证书管理服务的 API 地址（默认由站点决定）',
  'Endpoint of CDN or DCDN, if not the vendor’s': 'CDN 或 DCDN 的 API 地址（默认为服务商的地址）',
  'Endpoint of CDN, if not the vendor’s': 'CDN 的 API 地址（默认为服务商的地址）',
  'Endpoint of ESA, if not the site’s': 'ESA 的 API 地址（默认由站点决定）',
  'Endpoint of SSL Certificate Service, if not that of the Chinese site': 'SSL 证书服务的 API 地址（默认为中国站）',
  'CDN, or DCDN (dynamic content)': 'CDN，或 DCDN（全站加速）',
  'CDN (with ECDN), EdgeOne (teo), WAF, custom domains of COS buckets, or live streaming (CSS)':
    'CDN（含 ECDN）、EdgeOne（teo）、WAF、COS 存储桶的自定义域名，或云直播（CSS）',
  'Region of WAF; the other products need none': 'WAF 的地域（其他产品不需要）',
  'One of `balancers`, of type alibaba-clb': '负载均衡（`balancers` 中 alibaba-clb 类型的一个）',
  'One of `balancers`, of type tencent-clb': '负载均衡（`balancers` 中 tencent-clb 类型的一个）',
  'The balancer, of the type aws-alb': '负载均衡（aws-alb 类型）',
  'The balancer, of the type alibaba-alb': '负载均衡（alibaba-alb 类型）',
  'Port of the HTTPS listener': 'HTTPS 监听端口',
  'Port of its HTTPS listener': 'HTTPS 监听端口',
  'Port of its TCPSSL listener': 'TCPSSL 监听端口',
  'Port of the HTTPS or TLS listener': 'HTTPS 或 TLS 监听端口',
  'Where to put the certificate': '证书放在哪里',
  'The names that this listener serves, if not all of the certificate': '该监听服务的域名（默认为证书的全部域名）',
  'The domains of the listener that get the certificate, if not all that it covers':
    '监听中使用该证书的域名（默认为证书覆盖的全部域名）',
  'How many domain extensions a listener may have: raise it together with the quota':
    '一个监听的扩展域名数上限（随配额一起调高）',
  'How many certificates the region may hold: raise it together with the quota':
    '一个地域的证书数上限（随配额一起调高）',
  'How many additional certificates the listener may have, if your account’s quota was raised':
    '监听的扩展证书数上限（账户配额已提高时）',
  'How many additional certificates the load balancer may have, if your account’s quota was raised':
    '负载均衡的扩展证书数上限（账户配额已提高时）',
  'As one of the listener’s additional certificates (SNI), or as its default certificate':
    '作为监听的扩展证书（SNI），或作为默认证书',
  'Whether a renewal is imported in the place of the old certificate, or as a new one that takes its place':
    '续期时覆盖导入原证书，或导入为新证书再替换',
  'Name of the site (zone) in ESA': 'ESA 站点名称',
  'Name of the bucket': '存储空间（Bucket）名称',
  'Region of the bucket, without `oss-`': '存储空间的地域（不带 `oss-`）',
  'Address of the bucket, if not the public one: `{url}`': '存储空间的地址（不用公网地址时）：`{url}`',
  'The enterprise project of the domains, if the user has rights in one only':
    '域名所属的企业项目（用户只有一个企业项目的权限时）',
  'Id of the certificate at ELB': 'ELB 中证书的 ID',
  'AccessKey (AK)': 'AccessKey（AK）',
  'SecretKey (SK)': 'SecretKey（SK）',
  'Where each version is sent, with POST': '每个版本发送到的地址（POST）',
  'Where the server says which version it uses, with GET; `{name}` is the name of the certificate':
    '查询服务器正在使用的版本的地址（GET）；`{name}` 是证书名称',
  'Also send the private key, over https only': '同时发送私钥（仅限 https）',
  'A key that signs each request with HMAC-SHA256': '用 HMAC-SHA256 给每个请求签名的密钥',
  'More headers, without secrets': '不含机密的其他请求头',
  'More headers, with secrets: each on a line of its own, as `Name: value`':
    '含机密的其他请求头，每行一个，格式为 `Name: value`',
  'How long the server may take to answer': '等待服务器应答的最长时间',
  'The statuses that mean success, if not all from 200 to 299': '表示成功的状态码（默认 200 到 299）',

  // Notifiers.
  'The webhook of the robot: {url}': '机器人的 Webhook：{url}',
  'The webhook of the bot: {url} (Lark: open.larksuite.com)': '机器人的 Webhook：{url}（Lark 为 open.larksuite.com）',
  'The incoming webhook: {url}': 'Incoming Webhook：{url}',
  'The secret of its signature (加签), which begins with SEC': '加签的密钥，以 SEC 开头',
  'The secret of its signature (签名校验)': '签名校验的密钥',
  'The SMTP server': 'SMTP 服务器',
  'Its port, if not 587 (`starttls`), 465 (`tls`) or 25 (`none`)':
    '端口（默认 `starttls` 为 587，`tls` 为 465，`none` 为 25）',
  'How the connection is encrypted; by default `tls` on port 465, else `starttls`':
    '连接的加密方式（465 端口默认 `tls`，其他端口默认 `starttls`）',
  'The name to log in with, if the server wants one': '登录用户名（服务器要求登录时）',
  'The password': '密码',
  'The sender': '发件人',
  'The recipients': '收件人',
  'The token of the bot, as BotFather shows it': '机器人的令牌（BotFather 给出的）',
  'The id of the chat, or `@name` of a public channel': '会话 ID，或公开频道的 `@name`',
  'The id of a topic, if the group has topics': '话题 ID（群组有话题时）',
  'The address of the Bot API, if it is not {url}': 'Bot API 的地址（默认 {url}）',
  'Where each message is sent, with POST': '每条消息发送到的地址（POST）',
  'The body, with the placeholders `{title}`, `{text}`, `{node}` and `{at}`; by default, everything as JSON':
    '请求体，可用占位符 `{title}`、`{text}`、`{node}` 和 `{at}`（默认以 JSON 发送全部内容）',
};
