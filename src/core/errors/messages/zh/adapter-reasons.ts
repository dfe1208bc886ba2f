/** Why adapters refuse or fail, and what they advise; what the cloud itself said stays as it is. */
export const adapterReasons: Readonly<Record<string, string>> = {
  'the balancer "{name}" ({type})': '负载均衡 "{name}"（{type}）',
  'the deployer "{name}" ({type})': '部署目标 "{name}"（{type}）',

  // Balancers.
  'it redirects to port {port} of {balancer}, which has no HTTPS listener':
    '它重定向到 {balancer} 的 {port} 端口，但那里没有 HTTPS 监听',
  'Create an HTTPS listener on port {port}, turn off the redirect, or use DNS-01.':
    '请在 {port} 端口创建 HTTPS 监听、关闭重定向，或者使用 DNS-01。',
  'a policy redirects everything to another listener': '有一条策略把所有请求重定向到另一个监听',
  'Set `listenerPort` to that of the HTTPS listener, since CAs follow redirects, or use DNS-01.':
    'CA 会跟随重定向，请把 `listenerPort` 设为 HTTPS 监听的端口，或者使用 DNS-01。',
  'an HTTP listener on port {port} of {balancer}': '{balancer} 的 {port} 端口上的 HTTP 监听',
  'the listener on port {port} of the load balancer {name} in {region}':
    '{region} 的负载均衡 {name} 的 {port} 端口监听',
  'the load balancer {name} in {region}': '{region} 的负载均衡 {name}',
  'the region {region}': '地域 {region}',
  'the account has none with this ID': '账号下没有这个 ID',
  'IAM shows none to this key: set `projectId`': 'IAM 没有为这个密钥返回项目：请设置 `projectId`',
  '{balancer} in {region} is locked, perhaps because of a bill': '{region} 的 {balancer} 已锁定，可能是因为欠费',
  '{balancer} in {region} is stopped': '{region} 的 {balancer} 已停止',
  'Start it in the SLB console.': '请在负载均衡（SLB）控制台启动它。',
  'Check `backend.serverId` of the balancer, and that this server runs in the region and the network of the load balancer.':
    '请检查负载均衡的 `backend.serverId`，并确认这台服务器在负载均衡所在的地域和网络中运行。',
  'Give {option} with the {what} of the server and its port.': '请在 {option} 中写明服务器的 {what} 和端口。',
  'Give all nodes the same kind of `backend`.': '请让所有节点使用同一种 `backend`。',
  'Give all nodes the same kind of `backend` (or `targetType`).':
    '请让所有节点使用同一种 `backend`（或 `targetType`）。',
  'a server group cannot mix addresses with instances': '服务器组不能混用 IP 地址和实例',
  'a target group cannot mix backends that are instances with backends that are addresses':
    '目标组不能混用实例和 IP 地址',
  'the listener’s rule {rule} with the number {number} ({action}) covers the challenge path of {host}, and no lower number is free':
    '监听的规则 {rule}（序号 {number}，{action}）覆盖了 {host} 的验证路径，而且没有更小的空闲序号',
  'Give that rule a higher number to free a lower one.': '请调大那条规则的序号，空出更小的。',
  'the listener’s rule with priority {number} ({action}) covers the challenge path of {host}, and no lower priority number is free':
    '监听的规则（优先级 {number}，{action}）覆盖了 {host} 的验证路径，而且没有更小的空闲优先级',
  'Give that rule a higher priority number to free a lower one (in the console: Rules, Reprioritize).':
    '请调大那条规则的优先级数字，空出更小的（控制台：Rules、Reprioritize）。',
  '{name} is a load balancer of type {type}, which does not support path rules':
    '{name} 是 {type} 类型的负载均衡，不支持路径规则',
  'Name an Application Load Balancer.': '请指定一个应用型负载均衡 (ALB)。',
  '{listener} is the listener on port {port}, not {wanted}': '{listener} 是 {port} 端口的监听，不是 {wanted}',
  'Set listenerPort to {port}.': '请把 listenerPort 设为 {port}。',
  'the listener on port {port} has policies with each priority up to {most}, and they come first':
    '{port} 端口的监听中，到 {most} 为止的每个优先级都已有策略，它们会先匹配',
  'Give your policies larger priorities, so that one is free before them.':
    '请调大已有策略的优先级数字，在它们之前空出一个。',
  'each rule of {at} needs a domain, and it has no default domain': '{at} 的每条规则都要有域名，而它没有默认域名',
  'Add a domain to the listener, or set one of its domains as the default one.':
    '请为监听添加域名，或者把其中一个设为默认域名。',
  '{at} already has a rule that this installation of certfleet did not create: {rule}':
    '{at} 已有一条不是这套 certfleet 创建的规则：{rule}',
  'Remove that rule, or wait until the other installation removes it.':
    '请删除那条规则，或者等另一套 certfleet 删除它。',
  'it has {count} others, and its quota is {quota}': '它已有 {count} 条其他规则，配额为 {quota}',
  '{balancer} is a classic load balancer, which has no rules': '{balancer} 是传统型负载均衡，不支持规则',
  'Name a load balancer of the type CLB.': '请指定 CLB 类型的负载均衡。',
  'the HAProxy at {place} has no map {map}': '{place} 的 HAProxy 没有 map {map}',
  'the HAProxy at {place} lacks {missing} of {count} answers':
    '{place} 的 HAProxy 缺少 {count} 个应答中的 {missing} 个',
  '{map} has lost its entry {name}': '{map} 丢失了条目 {name}',
  '{file} has lost its line {name}': '{file} 丢失了 {name} 一行',
  'Add the line `http-request return …` from the reference to its frontend, and reload HAProxy.':
    '请把参考文档中的 `http-request return …` 一行加到它的 frontend，然后重新加载 HAProxy。',
  'Check `test` and `reload` of this balancer.': '请检查该负载均衡的 `test` 和 `reload`。',

  // Targets.
  '{place} uses {used} of {quota} domain extensions, and needs {count} more for {names}':
    '{place} 的扩展域名已用 {used}（上限 {quota}），还需要 {count} 个，用于 {names}',
  '{region} holds {held} of {quota} certificates, and needs 1 more':
    '{region} 的证书已用 {held}（上限 {quota}），还需要 1',
  'Put several names into one certificate, delete certificates that nothing uses, or have the quota raised, and set `certificateQuota`. `certfleet sweep --lost` lists what was lost there.':
    '请把多个域名合并到一张证书、删除没有使用的证书，或者申请提高配额并设置 `certificateQuota`。`certfleet sweep --lost` 列出遗留在那里的内容。',
  'Put several names into one certificate, delete certificates that no listener uses, or have the quota raised. `certfleet sweep --lost` lists what was lost there.':
    '请把多个域名合并到一张证书、删除没有监听使用的证书，或者申请提高配额。`certfleet sweep --lost` 列出遗留在那里的内容。',
  'Remove one that is not needed in the ESA console, or put the names of several certificates into one.':
    '请在 ESA 控制台删除不需要的证书，或者把多张证书的域名合并到一张。',
  'Check the options of the deployer "{name}", its credentials and their permissions.':
    '请检查部署目标 "{name}" 的选项、凭据及其权限。',
  'Check in the console what keeps the domain from being changed, and check the options of the deployer "{name}".':
    '请在控制台查看域名为什么不能修改，并检查部署目标 "{name}" 的选项。',
  'the site {name}': '站点 {name}',
  'the account has none of this name: check `zone` of the deployer "{name}"':
    '账号下没有这个名称的站点：请检查部署目标 "{name}" 的 `zone`',
  'Delete one of the two certificates, {rival} and {lineage}, or deliver them to different listeners.':
    '请删除 {rival} 和 {lineage} 两张证书之一，或者部署到不同的监听。',
  'Or deliver it to another listener.': '或者部署到另一个监听。',
};
