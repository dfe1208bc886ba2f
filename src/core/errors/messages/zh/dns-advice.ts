/** Why DNS providers refuse, and what to do at each of them. */
export const dnsAdvice: Readonly<Record<string, string>> = {
  // What several say.
  'Check `token`: {provider} does not accept it.': '请检查 `token`：{provider} 不接受它。',
  'Check `apiKey`: {provider} does not accept it.': '请检查 `apiKey`：{provider} 不接受它。',
  'Tokens are made at {url}.': 'Token 在 {url} 创建。',
  'Tokens are made under {menu}.': 'Token 在 {menu} 创建。',
  'Keys are made at {url}.': '密钥在 {url} 创建。',
  'Keys are made under {menu}.': '密钥在 {menu} 创建。',
  'Look at the records of this name in {place}.': '请在{place}查看这个域名的记录。',
  'Look at the zone {zone} in {place}.': '请在{place}查看区域 {zone}。',
  'Look at the domain {zone} at {url}.': '请在 {url} 查看域名 {zone}。',
  'the Azure portal': ' Azure 门户',
  'the Google Cloud console': ' Google Cloud 控制台',
  'the console of {service}': ' {service}控制台',
  'Hetzner Console': ' Hetzner Console ',
  'OVH’s control panel': ' OVH 控制面板',
  'Check that {zone} is a domain of the account of {account}, and that it uses the name servers of {provider}.':
    '请确认 {zone} 是 {account} 所属账号的域名，并且使用 {provider} 的域名服务器。',
  'Remove it, or move {zone} to another DNS service, or delegate the challenges with a CNAME.':
    '请删除它，或者把 {zone} 移到另一家 DNS 服务，或者用 CNAME 委派验证。',
  'Remove this record at {service}, or delegate the name to another zone with a CNAME.':
    '请在 {service} 删除这条记录，或者用 CNAME 把该域名委派到另一个区域。',
  'Check `endpoint`.': '请检查 `endpoint`。',

  // One by one.
  'Check `username`, `password` and `subdomain` of {account} (or its entry in `accounts`), and that this machine’s address is in its `allowfrom`.':
    '请检查 {account} 的 `username`、`password` 和 `subdomain`（或它在 `accounts` 中的条目），并确认本机地址在它的 `allowfrom` 中。',
  'Check `subdomain` of {account}.': '请检查 {account} 的 `subdomain`。',
  'the option "endpoint" (CERTFLEET_ACME_DNS_ENDPOINT), which the accounts file does not contain':
    '账户文件中没有的选项 "endpoint" (CERTFLEET_ACME_DNS_ENDPOINT)',
  'there is no account for a name in the zone {zone}': '没有用于区域 {zone} 中域名的账户',
  'there is no account for {name}': '没有用于 {name} 的账户',
  'Add a CNAME to the zone {zone}, from _acme-challenge of the name to the `fulldomain` of an account ({accounts}), or add the account to `accounts`.':
    '请在区域 {zone} 中添加 CNAME，从该域名的 _acme-challenge 指向某个账户的 `fulldomain`（{accounts}），或者把账户加到 `accounts`。',
  '`accounts` is not JSON: write file: before a path': '`accounts` 不是 JSON：路径前要写 file:',
  'an account in `accounts` has no {field}': '`accounts` 中有一个账户没有 {field}',
  'there is no {folder}/acme.sh: install acme.sh, or name its folder in `home`':
    '没有 {folder}/acme.sh：请安装 acme.sh，或者在 `home` 中指定它的目录',
  'there is no {file}: `script` must be one of those in {folder}/dnsapi':
    '没有 {file}：`script` 必须是 {folder}/dnsapi 中的一个',
  'it exited with {status} and no output': '它以 {status} 退出，没有输出',
  'Check the variables of {script} in `environment`; they are listed at the top of {folder}/dnsapi/{file}.sh.':
    '请检查 `environment` 中 {script} 的变量；它们列在 {folder}/dnsapi/{file}.sh 的开头。',
  'line {line} of `environment` is not KEY=VALUE': '`environment` 的第 {line} 行不是 KEY=VALUE 形式',
  'Check `accessKeyId`.': '请检查 `accessKeyId`。',
  'Check `accessKeySecret`.': '请检查 `accessKeySecret`。',
  'The AccessKey (`accessKeyId`) does not suffice. {advice}': 'AccessKey (`accessKeyId`) 的权限不够。{advice}',
  'The AccessKey (`accessKeyId`) does not suffice.': 'AccessKey (`accessKeyId`) 的权限不够。',
  'The plan of {zone} allows no TTL that short; see {url}.': '{zone} 的套餐不允许这么短的 TTL；见 {url}。',
  'Check that {zone} is a domain of the account of this AccessKey (`accessKeyId`), and that it is not locked: see {url}.':
    '请确认 {zone} 是这个 AccessKey (`accessKeyId`) 所属账号的域名，并且没有被锁定：见 {url}。',
  'the subscription has {count} zones {zone}, in the resource groups {groups}':
    '该订阅有 {count} 个区域 {zone}，在资源组 {groups} 中',
  'Set `resourceGroup` to that of the zone that the domain is delegated to.':
    '请把 `resourceGroup` 设为域名所委派的那个区域的资源组。',
  'the zone {zone} is private': '区域 {zone} 是专用区域',
  'the subscription has no zone {zone}': '该订阅没有区域 {zone}',
  'Set `subscriptionId` to the subscription with the public zone; with a role on the zone alone, give `resourceGroup`.':
    '请把 `subscriptionId` 设为公共区域所在的订阅；如果只有该区域上的角色，请给出 `resourceGroup`。',
  'Give the application (`clientId`) or identity the role DNS Zone Contributor on the zone, and `resourceGroup` to certfleet.':
    '请为应用 (`clientId`) 或标识授予该区域上的 “DNS Zone Contributor” 角色，并为 certfleet 设置 `resourceGroup`。',
  'Check `subscriptionId`: the tenant of this `clientId` has no such subscription.':
    '请检查 `subscriptionId`：这个 `clientId` 的租户没有该订阅。',
  'Check `tenantId` and `clientId`: the subscription does not take their access token.':
    '请检查 `tenantId` 和 `clientId`：该订阅不接受它们的访问令牌。',
  'Check `resourceGroup` and `subscriptionId`: there is no such zone.':
    '请检查 `resourceGroup` 和 `subscriptionId`：没有这个区域。',
  'Give the `accessKeyId` of the account with the zone {zone}, or add it to this account.':
    '请使用区域 {zone} 所在账号的 `accessKeyId`，或者把它加到这个账号。',
  'the service CloudXNS closed in 2021: move the zone to its successor DNSPod, and use the provider dnspod instead of cloudxns':
    'CloudXNS 服务已于 2021 年关闭：请把区域移到其后继者 DNSPod，并用服务商 dnspod 代替 cloudxns',
  'Give `token` a policy that lets it write TXT records at this name in {zone}, at {url}.':
    '请在 {url} 为 `token` 添加策略，允许它在 {zone} 中写这个域名的 TXT 记录。',
  'The account has no domain {zone}: add it at {url}, or use the token of another account.':
    '账号下没有域名 {zone}：请在 {url} 添加，或者使用另一个账号的 Token。',
  'Give `token` the scopes domain:read, domain:create, domain:update and domain:delete, at {url}.':
    '请在 {url} 为 `token` 加上 domain:read、domain:create、domain:update 和 domain:delete 权限范围。',
  'Add the domain {zone} at {url}, or use the token of another account.':
    '请在 {url} 添加域名 {zone}，或者使用另一个账号的 Token。',
  'Give `token` write access to the records of {zone}, under {menu}.':
    '请在 {menu} 为 `token` 加上 {zone} 的记录的写权限。',
  'Add the zone {zone} to the DNSimple account, or name another one in `account`.':
    '请把区域 {zone} 加到这个 DNSimple 账号，或者在 `account` 中指定另一个账号。',
  'the token is for a user with {count} accounts': '该 Token 属于一个有 {count} 个账号的用户',
  'Name the account of {zone} in `account`: one of {accounts}.':
    '请在 `account` 中指定 {zone} 的账号：{accounts} 中的一个。',
  'Check `apiKey` and `secretKey` (they are under {menu}), and this machine’s clock.':
    '请检查 `apiKey` 和 `secretKey`（在 {menu} 中）以及本机时钟。',
  'Add the domain {zone} to the DNS Made Easy account, or use the keys of another one.':
    '请把域名 {zone} 加到这个 “DNS Made Easy” 账号，或者使用另一个账号的密钥。',
  '{reason}; this machine’s clock is {seconds} s ahead': '{reason}；本机时钟快 {seconds} 秒',
  '{reason}; this machine’s clock is {seconds} s behind': '{reason}；本机时钟慢 {seconds} 秒',
  '`loginToken` is the ID and the token of DNSPod with a comma between them: 13490,6b5976c6…':
    '`loginToken` 是以逗号连接的 DNSPod ID 和 Token：13490,6b5976c6…',
  'a key that begins with AKID is one of Tencent Cloud: give it as `secretId`, with its `secretKey`':
    '以 AKID 开头的是腾讯云密钥：请写在 `secretId`，并给出它的 `secretKey`',
  'the option "id" of the DNSPod token': 'DNSPod Token 的选项 "id"',
  'the credential "token" of the DNSPod token': 'DNSPod Token 的凭据 "token"',
  'the ID of a token of DNSPod is a number: give it as `id`, and the token as `token`':
    'DNSPod Token 的 ID 是数字：请写在 `id`，Token 写在 `token`',
  'Check that {zone} is a domain of the account of {account}, or is shared with it, and that it is not locked: see {url}.':
    '请确认 {zone} 是 {account} 所属账号的域名，或者已共享给它，并且没有被锁定：见 {url}。',
  'The DNSPod plan of {zone} allows no TTL that short; see its settings.':
    '{zone} 的 DNSPod 套餐不允许这么短的 TTL；见它的设置。',
  'Check {credential}: Gandi does not accept it, or it has expired.':
    '请检查 {credential}：Gandi 不接受它，或者它已过期。',
  'Give {credential} the permission “Manage domain name technical configurations” for {zone}, at {url}.':
    '请在 {url} 为 {credential} 加上 {zone} 的 “Manage domain name technical configurations” 权限。',
  'Check that the domain {zone} is in this account, and that it uses Gandi’s LiveDNS.':
    '请确认域名 {zone} 在这个账号下，并且使用 Gandi 的 LiveDNS。',
  'Look at the DNS records of {zone} in Gandi’s admin.': '请在 Gandi 管理页面查看 {zone} 的 DNS 记录。',
  'one of the values already exists': '其中一个值已存在',
  'Check `key` and `secret`: GoDaddy does not know them.': '请检查 `key` 和 `secret`：GoDaddy 没有这组密钥。',
  'Keys are made at {url}; one for OTE is of no use here.': '密钥在 {url} 创建；OTE 环境的密钥在这里不可用。',
  'The account of `key` may not use the API: GoDaddy opens it to accounts with 10 domains or a Discount Domain Club plan.':
    '`key` 的账号不能使用 API：GoDaddy 只向有 10 个域名或订阅了 “Discount Domain Club” 的账号开放。',
  'Move the zone to another DNS service, or delegate the challenges with a CNAME.':
    '请把区域移到另一家 DNS 服务，或者用 CNAME 委派验证。',
  'Check the records of {zone} at {url}.': '请在 {url} 检查 {zone} 的记录。',
  'the service account `clientEmail`': '服务账号 `clientEmail`',
  'the external account': '外部账号',
  'the service account of this machine': '本机的服务账号',
  'the managed zone {zone} is {name}': '托管区域 {zone} 是 {name}',
  'Set `managedZone` to the one of this domain, or leave it out.':
    '请把 `managedZone` 设为这个域名的托管区域，或者去掉它。',
  'the project has {count} public zones {zone}: {names}': '该项目有 {count} 个公共区域 {zone}：{names}',
  'Set `managedZone` to the one that the domain is delegated to.': '请把 `managedZone` 设为域名所委派的那个托管区域。',
  'the project’s only zone {zone} is private': '该项目唯一的区域 {zone} 是专用区域',
  'the project has no zone {zone}': '该项目没有区域 {zone}',
  'Set `project` to the project with the public zone.': '请把 `project` 设为公共区域所在的项目。',
  'the TXT record there has a routing policy or is an alias': '那里的 TXT 记录带有路由策略，或者是别名',
  'the TXT record there has a routing policy': '那里的 TXT 记录带有路由策略',
  'Check `credentials`: Google does not take the access token of {account}.':
    '请检查 `credentials`：Google 不接受{account}的访问令牌。',
  'Enable the Cloud DNS API in this `project`.': '请在这个 `project` 中启用 “Cloud DNS API”。',
  'Give {account} the role DNS Administrator (roles/dns.admin) in this `project`, at {url}.':
    '请在 {url} 为{account}授予这个 `project` 的 DNS Administrator (roles/dns.admin) 角色。',
  'Check `project` and `managedZone`.': '请检查 `project` 和 `managedZone`。',
  'Tokens are made in Hetzner Console, under Security → API tokens; those of the old DNS Console do not work any more.':
    'Token 在 Hetzner Console 的 Security → API tokens 创建；旧 DNS Console 的 Token 已失效。',
  'Use a `token` with Read & Write: this one may only read.': '请使用有 Read & Write 权限的 `token`：现在的只能读取。',
  'Check that the zone {zone} is in the project of this `token`, in Hetzner Console.':
    '请在 Hetzner Console 确认区域 {zone} 在这个 `token` 的项目中。',
  'its action ended with {status}': '它的操作以 {status} 结束',
  '`username` and `password` must be set together, but `username` is missing':
    '`username` 和 `password` 必须同时设置，但缺少 `username`',
  '`username` and `password` must be set together, but `password` is missing':
    '`username` 和 `password` 必须同时设置，但缺少 `password`',
  'the mode RAW sends the challenge of a CA, and there is none': 'RAW 模式发送 CA 的验证，而这里没有',
  'Only DNS-01 has one. Set `mode: default`, if the server knows that mode.':
    '只有 DNS-01 才有。如果服务器支持，请设置 `mode: default`。',
  'Only DNS-01 has one.': '只有 DNS-01 才有。',
  'Set `mode: default`, if the server knows that mode.': '如果服务器支持，请设置 `mode: default`。',
  'Check `endpoint` of the solver in certfleet.yaml: `/present` and `/cleanup` are added to it.':
    '请检查 certfleet.yaml 中 solver 的 `endpoint`：后面会加上 `/present` 和 `/cleanup`。',
  'the account has no public zone {zone}': '账号下没有公共区域 {zone}',
  'the TXT records there are for certain lines only': '那里的 TXT 记录只用于某些线路',
  'Remove them, or add one for all lines.': '请删除它们，或者为全部线路添加一条。',
  'a record set has no id, ttl or records': '有一个记录集没有 ID、TTL 或记录',
  'Give the user of `accessKeyId` the policy DNS FullAccess, or one with dns:recordset:* and dns:zone:list, at {url}.':
    '请在 {url} 为 `accessKeyId` 的用户授予 DNS FullAccess 策略，或者含有 dns:recordset:* 和 dns:zone:list 的策略。',
  'a record has no ID': '有一条记录没有 ID',
  'Use a `token` with Domains: Read/Write, at {url}.': '请在 {url} 创建有 Domains: Read/Write 权限的 `token`。',
  'Add the domain {zone} at {url}, or use the token of the account that has it.':
    '请在 {url} 添加域名 {zone}，或者使用拥有它的账号的 Token。',
  'Add the domain {zone} at {url}, or use the key of the account that has it.':
    '请在 {url} 添加域名 {zone}，或者使用拥有它的账号的密钥。',
  'the domain {zone} is a secondary there: a copy from another server':
    '域名 {zone} 在那里是从区域：另一台服务器的副本',
  'Use the provider of the domain’s primary server.': '请使用该域名主服务器所在的服务商。',
  'Check `email` and `token`, and that the API is on, at {url}.':
    '请检查 `email` 和 `token`，并在 {url} 确认 API 已启用。',
  'Give `token` the right to change {zone}, at {url}.': '请在 {url} 为 `token` 加上修改 {zone} 的权限。',
  'Add the zone {zone} to the account of `email` at {url}, or use the account that has it.':
    '请在 {url} 把区域 {zone} 加到 `email` 的账号，或者使用拥有它的账号。',
  '{zone} does not use its name servers': '{zone} 没有使用它的域名服务器',
  'Choose Namecheap BasicDNS for {zone}, or the provider whose name servers it uses.':
    '请为 {zone} 选用 Namecheap BasicDNS，或者改用它所用域名服务器的服务商。',
  'its response contains a record without a name, type or value': '应答中有一条记录没有名称、类型或值',
  'its values changed a moment ago': '它的值刚刚改变',
  '{zone} has a record of type {type}, which the API cannot write back':
    '{zone} 有一条 {type} 类型的记录，API 无法写回',
  'it did not confirm that the records were written': '它没有确认记录已写入',
  'Add this machine’s public IPv4 address to the whitelist at {url}, and write it in `clientIp`.':
    '请在 {url} 把本机的公网 IPv4 地址加入白名单，并写在 `clientIp` 中。',
  'Check `apiUser` and `apiKey`, and that API access is on, at {url}.':
    '请检查 `apiUser` 和 `apiKey`，并在 {url} 确认 API 访问已启用。',
  'Check that {zone} is a domain of the account of `apiUser`, and that it uses Namecheap BasicDNS.':
    '请确认 {zone} 是 `apiUser` 账号的域名，并且使用 Namecheap BasicDNS。',
  'Give `apiKey` the permission Manage zones for {zone}, under {menu}.':
    '请在 {menu} 为 `apiKey` 加上 {zone} 的 Manage zones 权限。',
  'Add the zone {zone} to the NS1 account, or use the key of the account that has it.':
    '请把区域 {zone} 加到这个 NS1 账号，或者使用拥有它的账号的密钥。',
  'the time of the request is wrong': '请求的时间不对',
  'Make {keys} again with GET, POST and DELETE on /domain/zone/{zone}/*: these may not do it.':
    '请重新创建 {keys}，并授予 /domain/zone/{zone}/* 的 GET、POST 和 DELETE 权限：现在的没有这些权限。',
  'Check that this account has the zone {zone}, and that it uses OVH’s DNS.':
    '请确认这个账号拥有区域 {zone}，并且它使用 OVH 的 DNS。',
  'Check {keys}: they are made together, and are for `endpoint` {endpoint} alone.':
    '请检查 {keys}：它们是一起创建的，只能用于 `endpoint` {endpoint}。',
  '`applicationKey`, `applicationSecret` and `consumerKey`': '`applicationKey`、`applicationSecret` 和 `consumerKey`',
  'Check `apiKey` and `secretApiKey`: keys are made at {url}.':
    '请检查 `apiKey` 和 `secretApiKey`：密钥在 {url} 创建。',
  'Check that {zone} is a domain of this Porkbun account, and switch on API Access for it at {url}.':
    '请确认 {zone} 是这个 Porkbun 账号的域名，并在 {url} 为它开启 API Access。',
  'it takes about one call a second': '它每秒大约只接受一次调用',
  'the zone has kind {kind} there: a copy from another server': '该区域在那里的类型是 {kind}：另一台服务器的副本',
  'Set `endpoint` to the API of the zone’s primary server.': '请把 `endpoint` 设为该区域主服务器的 API。',
  'Check `apiKey`: it must be the setting `api-key` of the server at `endpoint`.':
    '请检查 `apiKey`：它必须与 `endpoint` 处服务器的设置 `api-key` 一致。',
  'Check `endpoint` and `server`, and that this server has the zone {zone}.':
    '请检查 `endpoint` 和 `server`，并确认这台服务器有区域 {zone}。',
  'See the log of the server at `endpoint`, and the metadata of the zone {zone}.':
    '请查看 `endpoint` 处服务器的日志，以及区域 {zone} 的元数据。',
  'the server answered RCODE {code}': '服务器应答 RCODE {code}',
  'the server does not know this key (BADKEY): check keyName and algorithm':
    '服务器没有这把密钥 (BADKEY)：请检查 keyName 和 algorithm',
  'the server has another secret for this key (BADSIG): check secret and algorithm':
    '服务器上这把密钥的内容不同 (BADSIG)：请检查 secret 和 algorithm',
  'the clocks of this machine and the server differ by {seconds} s (BADTIME)':
    '本机与服务器的时钟相差 {seconds} 秒 (BADTIME)',
  'the clocks of this machine and the server differ (BADTIME)': '本机与服务器的时钟不一致 (BADTIME)',
  'the server does not accept the signature ({code})': '服务器不接受该签名（{code}）',
  'the server could not read the update (FORMERR)': '服务器无法读取这次更新 (FORMERR)',
  'the server failed (SERVFAIL): see its log': '服务器出错 (SERVFAIL)：请看它的日志',
  'the zone does not exist there (NXDOMAIN)': '那里没有这个区域 (NXDOMAIN)',
  'the server accepts no updates (NOTIMP)': '服务器不接受更新 (NOTIMP)',
  'the server’s policy does not allow it for this key, or the server does not accept the key (REFUSED)':
    '服务器的策略不允许这把密钥这样做，或者服务器不接受这把密钥 (REFUSED)',
  'the server is not authoritative for this zone, or the key is unknown (NOTAUTH)':
    '服务器不是这个区域的权威服务器，或者没有这把密钥 (NOTAUTH)',
  'the name is not in the zone (NOTZONE)': '域名不在这个区域中 (NOTZONE)',
  'TSIG is not the last record': 'TSIG 不是最后一条记录',
  'the account has {count} public hosted zones {zone}: {ids}': '账号下有 {count} 个公有托管区 {zone}：{ids}',
  'Set `hostedZoneId` to the one that the domain is delegated to.': '请把 `hostedZoneId` 设为域名所委派的那个托管区。',
  'the account’s hosted zone {zone} is private': '账号下的托管区 {zone} 是私有的',
  'the account has no such zone': '账号下没有这个区域',
  'Give the keys (`accessKeyId`) of the account with the public hosted zone.':
    '请使用公有托管区所在账号的密钥 (`accessKeyId`)。',
  'the account’s hosted zone {zone} has no SOA record': '账号下的托管区 {zone} 没有 SOA 记录',
  'Look at the zone in the console.': '请在控制台查看该区域。',
  'the hosted zone {zone} has another name': '托管区 {zone} 的名称不同',
  'Set `hostedZoneId` to the id of this zone, or leave it out.':
    '请把 `hostedZoneId` 设为这个托管区的 ID，或者去掉它。',
  'Look at the records of this name at Route 53; if they are in another zone, change `hostedZoneId`.':
    '请在 Route 53 查看这个域名的记录；如果在另一个托管区中，请修改 `hostedZoneId`。',
  'Give the user of `accessKeyId` the policy DNSFullAccess, or one with dns:ListZones, dns:ListRecords, dns:CreateRecord and dns:DeleteRecord, at {url}.':
    '请在 {url} 为 `accessKeyId` 的用户授予 DNSFullAccess 策略，或者含有 dns:ListZones、dns:ListRecords、dns:CreateRecord 和 dns:DeleteRecord 的策略。',
  'Check `apiKey`, and that this machine’s address is allowed there, at {url}.':
    '请检查 `apiKey`，并在 {url} 确认已允许本机地址。',
  'Use an `apiKey` of a user who may manage DNS, at {url}.': '请使用有 DNS 管理权限的用户的 `apiKey`，见 {url}。',
  'Allow the address of this machine for the account of `username` at {url}.':
    '请在 {url} 为 `username` 的账号允许本机地址。',
  'Check `username` and `password`: the API password is set at {url}.':
    '请检查 `username` 和 `password`：API 密码在 {url} 设置。',
  'Check {credentials}, and that {zone} is the domain, or one of the domains, to which it belongs.':
    '请检查 {credentials}，并确认 {zone} 是它所属的域名或域名之一。',
};
