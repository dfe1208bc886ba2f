/**
 * The titles of the options of connections in Simplified Chinese, by the English of the schemas: those of CAs, DNS
 * providers and solvers. `{url}` stands for an address.
 */
export const fieldTitlesZh: Readonly<Record<string, string>> = {
  // CAs. The form itself has words for the address of the directory, the terms of service and the e-mail address.
  'Name of the account, if you use several at this CA': '账户名称（在该 CA 使用多个账户时）',
  'Type of a new account key: ES256 (default), ES384, RS256 or EdDSA, which few CAs accept':
    '新账户密钥的类型：ES256（默认）、ES384、RS256 或 EdDSA（很少 CA 接受）',
  'Let `renew` open a new account if the CA says that this one is deactivated':
    '如果 CA 说账户已停用，允许 `renew` 新开账户',
  'A CA that is not publicly trusted (staging, Pebble, a private one): names need no public suffix':
    '不受公众信任的 CA（测试环境、Pebble、私有 CA）：域名不需要公共后缀',
  'Directory for --staging and --dry-run; built in for letsencrypt and google':
    '用于 --staging 和 --dry-run 的目录（letsencrypt 和 google 已内置）',
  'Key id that the CA gave you': 'CA 提供的 EAB Key ID',
  'Key that the CA gave you with it': 'CA 提供的 EAB HMAC 密钥',
  'MAC algorithm: HS256 (default), HS384 or HS512, if the CA asks for another one':
    'MAC 算法：HS256（默认）、HS384 或 HS512（CA 要求其他算法时）',
  'New orders of one account, except renewals': '一个账户的新订单，续期不计',
  'New certificates below one registered domain, of all accounts': '同一注册域名的新证书，所有账户合计',
  'Certificates for exactly the same names, of all accounts': '同一组域名的证书，所有账户合计',
  'Failed validations of one name by one account': '一个账户对同一域名的验证失败',
  'Failed validations of one name by one account without a success': '一个账户对同一域名的验证失败，期间没有成功',

  // All solvers over DNS.
  'The challenge to answer': '验证类型',
  'The zone to change': '要修改的 DNS 区域',
  'Servers to ask, as address or address:port': '要查询的 DNS 服务器（地址或 地址:端口）',
  'Name servers of the zone that need not have the value, because they are dead; the CA may still ask them':
    '已失效、不必有记录的 DNS 服务器（CA 仍可能查询它们）',
  'Resolvers elsewhere that must see the value, too, once all name servers have it':
    '所有 DNS 服务器都有记录之后，还必须看到它的其他地区的解析器',
  'How long to wait until every authoritative server returns the record; by default as long as the provider needs':
    '等待每台权威服务器都返回记录的最长时间（默认按服务商所需）',
  'How long to ask the servers at least: every one must still return the record when this is over. Rarely needed':
    '至少查询多久：到时每台服务器仍须返回记录（很少需要）',
  'dns-persist-01: how long a record is good (`persistUntil`); for ever by default. A new one is written 30 days before its end, or when a third of its time is left':
    'dns-persist-01：记录的有效期（`persistUntil`），默认永久。到期前 30 天或剩余三分之一时写入新记录',

  // The API and its keys, of several providers.
  'The API’s address, if it is not {url}': 'API 地址（默认 {url}）',
  'The API’s address with its path, if it is not {url}': 'API 地址，含路径（默认 {url}）',
  'The API’s address, if it is not the vendor’s own': 'API 地址（默认为服务商的地址）',
  'The API’s address, if it is not that of the region': 'API 地址（默认由地域决定）',
  'API token': 'API 令牌',
  'Personal access token': '个人访问令牌（Personal Access Token）',
  'API key': 'API 密钥',
  'Secret key': 'Secret Key',
  'Email address of the account': '账户的电子邮件地址',
  'AccessKey ID': 'AccessKey ID',
  'AccessKey secret': 'AccessKey Secret',
  'Access key id': 'Access Key ID',
  'Access Key ID': 'Access Key ID',
  'Access Key ID (AK)': 'Access Key ID（AK）',
  'Access Key Secret': 'Access Key Secret',
  'Secret access key': 'Secret Access Key',
  'Secret Access Key': 'Secret Access Key',
  'Secret Access Key (SK)': 'Secret Access Key（SK）',
  'Security token, if the keys are temporary': '安全令牌（仅用于临时密钥）',
  'Session token, if the keys are temporary': '会话令牌（仅用于临时密钥）',
  'Id of the project, if the keys are limited to one': '项目 ID（密钥只限一个项目时）',

  // Single providers.
  'Accounts as lego, acme-dns-client and certbot’s hook store them': 'lego、acme-dns-client 或 certbot 钩子所存的账户',
  'The server’s address': '服务器地址',
  'User name of an account': '账户的用户名',
  'Its password': '密码',
  'Its subdomain': '账户的子域名',
  'Its whole name': '账户的完整域名',
  'Any region in the account’s partition, which only matters in China and in GovCloud':
    '账户所在分区的任一地域（仅中国区和 GovCloud 需要）',
  'The API’s address, if it is not that of the partition': 'API 地址（默认由分区决定）',
  'Id of the hosted zone, if the account has several public ones of this name or may not list them':
    '托管区（Hosted Zone）ID（账户有多个同名公有托管区，或无权列出时）',
  'Subscription with the zone': '区域所在的订阅',
  'Resource group of the zone; without it, the zones of the subscription are searched':
    '区域的资源组（不填则在订阅的全部区域中查找）',
  'Tenant of the application': '应用所在的租户',
  'Application (client) id, or that of a managed identity': '应用（客户端）ID，或托管标识的 ID',
  'Client secret of the application': '应用的客户端密码',
  'Which of Azure’s clouds': 'Azure 云环境',
  'Where access tokens come from, if not from the cloud’s own place': '获取访问令牌的地址（默认由云环境决定）',
  'The management API’s address, if it is not that of the cloud': '管理 API 的地址（默认由云环境决定）',
  'Another API token, with which the zone is found': '用于查找区域的另一个 API 令牌',
  'Email address of the account, if there is no token': '账户的电子邮件地址（没有令牌时）',
  'Global API key of the account, if there is no token': '账户的 Global API Key（没有令牌时）',
  'Number of the account, if the token is for a user with several': '账户编号（令牌属于拥有多个账户的用户时）',
  'SecretId of a key of Tencent Cloud': '腾讯云密钥的 SecretId',
  'SecretKey of the key of Tencent Cloud': '腾讯云密钥的 SecretKey',
  'Token, if the key of Tencent Cloud is temporary': '腾讯云临时密钥的 Token',
  'ID of a token of DNSPod': 'DNSPod 令牌的 ID',
  'Token of DNSPod': 'DNSPod 令牌的 Token',
  'ID and token of DNSPod in one, with a comma between them': 'DNSPod 的 ID 和 Token，以逗号相连',
  'The API’s address, if it is not {url} (for a token) or {url} (for `secretId`)':
    'API 地址（使用令牌时默认 {url}，使用 `secretId` 时默认 {url}）',
  'API key, if there is no token (Gandi has deprecated these keys)': 'API 密钥（没有令牌时；Gandi 已弃用这种密钥）',
  'Secret of the API key': 'API 密钥的 Secret',
  'Address of the service account': '服务账号的邮箱地址',
  'Private key of the service account, PEM': '服务账号的私钥（PEM）',
  'Id of this key': '私钥的 ID',
  'Where access tokens come from, if not from Google': '获取访问令牌的地址（默认为 Google 的地址）',
  'Id of the project with the zone, if it is not that of the service account':
    '区域所在项目的 ID（与服务账号的项目不同时）',
  'Name of the managed zone, if the project has several public ones of this domain':
    '代管区域（Managed Zone）的名称（项目有多个同域名的公开区域时）',
  'API token of the project': '项目的 API 令牌',
  'The server’s URL; `/present` and `/cleanup` are added to it': '服务器的地址，后面会加上 `/present` 和 `/cleanup`',
  'User name for HTTP Basic authentication': 'HTTP Basic 认证的用户名',
  'What is sent': '发送的内容',
  'Region whose API is used; all have the same public zones': '使用哪个地域的 API（各地域的公网区域相同）',
  'Region in the path; the service has one for all': '请求路径中的地域（该服务全部使用同一个）',
  'Region in the signature; the service has one for all': '签名中的地域（该服务全部使用同一个）',
  'User name of the account': '账户的用户名',
  'Public IPv4 address of this machine': '本机的公网 IPv4 地址',
  'Where the account is: one of OVH’s names, or the API’s address with its path':
    '账户所在的区域：OVH 的名称之一，或含路径的 API 地址',
  'Application key': 'Application key',
  'Application secret': 'Application secret',
  'Consumer key': 'Consumer key',
  'API key, which begins with pk1_': 'API 密钥，以 pk1_ 开头',
  'Secret API key, which begins with sk1_': 'Secret API 密钥，以 sk1_ 开头',
  'Where the server’s `webserver` listens, or the proxy in front of it':
    '服务器的 `webserver` 监听的地址，或它前面的代理的地址',
  'The server’s id in its API': '服务器在 API 中的 ID',
  'The primary server that accepts updates, as host or host:port': '接受更新的主服务器（主机或 主机:端口）',
  'Its port, if `server` has none; 53 by default': '端口（`server` 中没有时；默认 53）',
  'Name of the TSIG key, as the server knows it': 'TSIG 密钥的名称（与服务器上的一致）',
  'The TSIG secret, base64': 'TSIG 机密（base64）',
  'Algorithm of the TSIG key': 'TSIG 密钥的算法',
  'TCP, or UDP with TCP for messages that are too long': 'TCP，或 UDP（报文过长时改用 TCP）',
  'TTL of the TXT record, in seconds': 'TXT 记录的 TTL（秒）',
  'User name of the account, if there is no key of a domain': '账户的用户名（没有域名密钥时）',
  'API password of the account, which is not the one for logging in': '账户的 API 密码（不是登录密码）',
  'API key of the account (the MD5 sum of the API password)': '账户的 API 密钥（API 密码的 MD5 值）',
  'Key of one domain': '单个域名的密钥',

  // Solvers over HTTP and TLS.
  'The load balancer to change: one of `balancers`': '要修改的负载均衡（`balancers` 之一）',
  'Address and port to listen on': '监听的地址和端口',
  'Address and port where the responder listens for the balancer': '应答程序为负载均衡监听的地址和端口',
  'Write each token into the store, so that responders on other nodes answer too':
    '把每个 token 写入存储，让其他节点的应答程序也能应答',
  'Write each answer into the store, so that responders on other nodes answer too':
    '把每个应答写入存储，让其他节点的应答程序也能应答',
  'The path that the health check of a load balancer asks': '负载均衡健康检查请求的路径',
  'The path that the health check of a rule made by hand asks': '手动添加的规则的健康检查请求的路径',
  'How long a load balancer may take until its health check has noticed the responder':
    '等待负载均衡的健康检查发现应答程序的最长时间',
  'How long to wait until the rule works: the balancer’s own health check and its public answer':
    '等待规则生效的最长时间（负载均衡的健康检查，以及从公网得到的应答）',
  'The proxies themselves, if the addresses of the names lead to a load balancer in front of them':
    '代理自己的地址（域名指向它们前面的负载均衡时）',
  'Where to pass on requests for tokens of other ACME clients behind the same balancer':
    '把同一负载均衡后其他 ACME 客户端的 token 请求转到哪里',
  'Zones that another of `solvers` changes, because a CNAME leads there and another provider has them':
    '由 `solvers` 中另一项修改的区域：CNAME 指向那里，而区域在另一家服务商',
  'Leave the rule in place when the order is done, so that later orders need no call to the balancer':
    '申请结束后保留规则，以后的订单不必再修改负载均衡',
  'A person has made the rule and its group: change nothing at the balancer, and wait for its health check':
    '规则和后端组已手动添加：不修改负载均衡，只等待健康检查',
};
