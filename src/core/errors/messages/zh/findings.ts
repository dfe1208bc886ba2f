/** What looks at the proof of a name find, as `certfleet doctor` and the check of a new certificate show it. */
export const findings: Readonly<Record<string, string>> = {
  // The name, and the CA.
  '{name} is an address': '{name} 是 IP 地址',
  '{name} has {addresses}; {count} more are not looked at': '{name} 的地址为 {addresses}；另有 {count} 个未检查',
  '{name} has {addresses}': '{name} 的地址为 {addresses}',
  'the CNAME records of {name} form a loop': '{name} 的 CNAME 记录形成循环',
  'the resolvers do not know yet that {name} is an alias': '解析器还不知道 {name} 是别名',
  'the resolver knows no address of {name}, and its zone could not be asked: {reason}':
    '解析器查不到 {name} 的地址，也无法查询它的区域：{reason}',
  '{name} (an alias of {other}) does not exist in the DNS': 'DNS 中没有 {name}（{other} 的别名）',
  'Check the resolvers of this machine, or name others (preflight.resolvers).':
    '请检查本机的解析器，或指定其他解析器（preflight.resolvers）。',
  '{issuer} did not answer within {seconds} s': '{issuer} 在 {seconds} 秒内没有应答',
  'there was no time for the rest: this look ends after {seconds} s': '其余内容来不及检查：检查在 {seconds} 秒后结束',
  'Once it is issued, `certfleet doctor` looks at all of it.': '签发之后，`certfleet doctor` 会检查全部内容。',
  'no CAA record limits who may issue for {name}': '没有 CAA 记录限制谁可以为 {name} 签发',
  'no CAA record limits who may issue for {name} any more': '已没有 CAA 记录限制谁可以为 {name} 签发',
  'the CAA records of {name} do not limit who may issue': '{name} 的 CAA 记录不限制谁可以签发',
  'the CAA records of {name} allow it': '{name} 的 CAA 记录允许签发',
  'a critical CAA record of {name} has the unknown tag "{tag}"': '{name} 有一条关键 CAA 记录使用未知标签 "{tag}"',
  '{name} has CAA records ({shown}), and the CA does not say which name it uses in them':
    '{name} 有 CAA 记录（{shown}），但 CA 没有说明它在其中用什么名称',
  'a CAA record of {name} names an account ({shown}), and ours does not exist yet':
    '{name} 的一条 CAA 记录限定了账户（{shown}），而我们的账户还不存在',
  'Add a CAA record {record} to the existing ones.': '请在现有记录之外添加 CAA 记录 {record}。',

  // Over DNS.
  '{name} is an alias (CNAME) of {target}': '{name} 是 {target} 的别名（CNAME）',
  '{name} is in the zone {zone}, which the solver {solver} changes': '{name} 在区域 {zone} 中，由 {solver} 修改',
  '{name} is in the zone {zone}': '{name} 在区域 {zone} 中',
  'the DNS provider takes the credentials for {zone}': 'DNS 服务商接受用于 {zone} 的凭据',
  'a person adds the record, at the terminal of {command}': '由人在 {command} 的终端中添加记录',
  '{server} is in ignoreNameservers, so it is not asked': '{server} 在 ignoreNameservers 中，因此不查询',
  '{server} is link-local or a metadata address, so it was not asked; no CA can reach it':
    '{server} 是链路本地或元数据地址，因此未查询；CA 无法访问它',
  'Correct the address of {server}.': '请改正 {server} 的地址。',
  'Every server of {zone} must serve the record, since a CA may ask any of them.':
    '{zone} 的每台服务器都要提供该记录，因为 CA 可能查询其中任何一台。',
  '{server} answers {code}': '{server} 应答 {code}',
  '{server} is not authoritative for {name}': '{server} 不是 {name} 的权威服务器',
  '{server} serves {name} (no TXT value now)': '{server} 提供 {name}（目前没有 TXT 值）',
  '{server} serves {name} ({count} TXT value now)': '{server} 提供 {name}（目前有 {count} 个 TXT 值）',
  '{server} serves {name} ({count} TXT values now)': '{server} 提供 {name}（目前有 {count} 个 TXT 值）',
  '{server} cannot be asked from here: {reason}': '从这里无法查询 {server}：{reason}',
  'no answer within {seconds} s': '{seconds} 秒内没有应答',
  'the name of the TXT record depends on the URL of the account, and there is no account yet':
    'TXT 记录的名称取决于账户的网址，而账户还不存在',
  'Run {command} once, which opens the account.': '请执行一次 {command}，它会开通账户。',

  // Over HTTP.
  '{solver} cannot be looked at without an order': '没有订单就无法检查 {solver}',
  'To try it, run {command} with --staging.': '要试用，请执行带 --staging 的 {command}。',
  '{solver} could not say within {seconds} s what lies between': '{solver} 在 {seconds} 秒内未能说明中间路径',
  'a responder of this store answers at {address}': '本存储的应答程序在 {address} 应答',
  'the balancer reaches the responder': '负载均衡可以访问应答程序',
  'Open the port of the responder for the load balancer in the security group and the firewall of the node.':
    '请在节点的安全组和防火墙中，为负载均衡开放应答程序的端口。',
  'during an order it writes a file below {folders}': '下单时会在 {folders} 下写一个文件',
  "{from} gives certfleet's answer": '{from} 给出了 certfleet 的应答',
  "{said}, which is not certfleet's answer: the request reaches another server":
    '{said}，这不是 certfleet 的应答：请求到了别的服务器',
  '{said}: the balancer has no healthy server for this path': '{said}：负载均衡没有可用于该路径的健康服务器',
  '{said}: no server behind it is healthy': '{said}：后面没有健康的服务器',
  '{silent}; nothing listens there, or this network does not lead its own public address back (hairpin NAT)':
    '{silent}；那里没有监听，或本网络无法访问自己的公网地址（hairpin NAT）',
  '{silent}; nothing listens there': '{silent}；那里没有监听',
  'Check that the balancer has a running listener on this port.': '请确认负载均衡在该端口有运行中的监听器。',
  '{silent}; perhaps this machine cannot reach its own public address (hairpin NAT), or a firewall drops the packets':
    '{silent}；可能本机无法访问自己的公网地址（hairpin NAT），或被防火墙丢弃',
  'This proves nothing about the CA. To be sure, request the URL from outside this network.':
    '这不能说明 CA 的情况。要确认，请从本网络之外请求该网址。',
  '{what} is private, so nothing was requested from it; a public CA cannot reach it':
    '{what} 是内网地址，因此未请求；公共 CA 无法访问它',
  '{what} is link-local or a metadata address, so nothing was requested from it; no CA can reach it':
    '{what} 是链路本地或元数据地址，因此未请求；CA 无法访问它',
  'the proxy at {frontend} gives the right answer': '{frontend} 的代理给出了正确的应答',
  'the answer depends on the account’s key, and there is none yet': '应答取决于账户密钥，而密钥还不存在',
};
