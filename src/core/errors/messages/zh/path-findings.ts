/** What looks at the path of a request find: the balancer's rules, the credentials' rights and what each address answers. */
export const pathFindings: Readonly<Record<string, string>> = {
  // The listener and its rules.
  '{balancer}, listener {listener}: 1 rule, room for {left} more':
    '{balancer}，监听 {listener}：1 条规则，还可添加 {left} 条',
  '{balancer}, listener {listener}: {count} rules, room for {left} more':
    '{balancer}，监听 {listener}：{count} 条规则，还可添加 {left} 条',
  '{balancer}, listener {listener}: 1 rule': '{balancer}，监听 {listener}：1 条规则',
  '{balancer}, listener {listener}: {count} rules': '{balancer}，监听 {listener}：{count} 条规则',
  '{listener} (hosts without rules go to none of its domains)': '{listener}（没有规则的域名不转到任何域名）',
  '{listener} (hosts without rules go to {domain})': '{listener}（没有规则的域名转到 {domain}）',
  '{listener} (the port {port} redirects to the HTTPS listener {https}, so the rules are there)':
    '{listener}（{port} 端口重定向到 HTTPS 监听 {https}，规则在那里）',
  "no rule takes {path} of {host} now, so the listener's default answers":
    '目前没有规则处理 {host} 的 {path}，由监听的默认规则应答',
  '{rule} takes {path} of {host} now (it {action})': '目前 {host} 的 {path} 由 {rule} 处理（{action}）',
  '{now}; during an order certfleet adds one for {host} and {path}':
    '{now}；下单期间 certfleet 会为{host}添加一条，路径为 {path}',
  '{now}; certfleet cannot add one: {reason}': '{now}；certfleet 无法添加：{reason}',
  '{now}; an order adds one, but the listener has no room for it': '{now}；下单时要添加一条，但监听的规则数已满',
  'every host without rules of its own': '没有规则的所有域名',
  'hosts without rules': '没有规则的域名',
  'no group': '空组',
  'forwards to {group}': '转发到 {group}',
  'answers a challenge': '应答验证',
  'answers what others wrote': '应答其他程序写入的内容',
  'answers itself': '自行应答',
  redirects: '重定向',
  'does nothing': '不做任何操作',
  '{host} has no rule, and no rule can be added for it, because the listener has no default domain':
    '{host} 没有规则，监听也没有默认域名，所以无法为它添加规则',
  'its rule {rule} already {action} for {where}': '{where} 已由规则 {rule} 占用（{action}）',
  'the path {path} of hosts without rules': '没有规则的域名的路径 {path}',
  'the path {path} of {host}': '{host} 的路径 {path}',
  '{rule} wins for every host without rules, so for {host} and {path}: it {action}':
    '没有规则的域名（包括 {host}）的 {path} 由 {rule} 处理：{action}',
  '{rule} wins for {host} and {path}: it {action}': '{host} 的 {path} 由 {rule} 处理：{action}',
  "{winner} wins for {host} and {path} in place of certfleet's rule {own}: it {action}":
    '{host} 的 {path} 由 {winner} 处理，而不是 certfleet 的规则 {own}：{action}',
  "certfleet's rule {rule} no longer applies to {host}: other rules of that host exclude it":
    'certfleet 的规则 {rule} 对 {host} 不再有效：该域名的其他规则排除了它',
  'Run {command} for the certificate, which makes the rule that fits, or remove the other rule of {host}.':
    '请对该证书执行 {command}，它会添加合适的规则；或者删除 {host} 的另一条规则。',
  'another installation of certfleet ({owner}) uses {where}: its rule {rule} was made {age} ago. If that installation is gone, {command} removes the rule':
    '另一套 certfleet（{owner}）正在使用 {where}：它的规则 {rule} 建于{age}前。如果那套 certfleet 已经不在了，{command} 会删除这条规则',
  'less than an hour': '不到一小时',
  'about an hour': '约一小时',
  'about {count} hours': '约 {count} 小时',
  'about {count} days': '约 {count} 天',
  'No order waits for so old a rule.': '这么旧的规则，订单不会等待。',
  'It goes away with the order of that installation; an order waits for it.':
    '那套 certfleet 的订单结束后，规则会随之删除；这里的订单会等待。',
  'Remove a rule that is no longer needed, or ask the provider for a higher quota.':
    '请删除不再需要的规则，或者向服务商申请提高配额。',
  'Use DNS-01 for {host}.': '请为 {host} 使用 DNS-01。',
  'That rule already leads to this node ({here}), so set {option} on the solver: certfleet then uses the rule as it is. The solver {solver} does so, too.':
    '这条规则已经转到本节点（{here}），请为 solver 设置 {option}：certfleet 就会直接使用它。solver {solver} 也可以。',
  'If that rule leads to {address} of this node, set {option} on the solver, or use the solver {solver}. If not, let it lead there, remove it, or use DNS-01 for {host}.':
    '如果这条规则转到本节点的 {address}，请为 solver 设置 {option}，或者使用 solver {solver}。否则，请让它转到那里、删除它，或者为 {host} 使用 DNS-01。',

  // The group behind a rule, and the responder.
  'during an order certfleet makes one with {server}; only then does {balancer} show whether there is a server {id}':
    '下单期间 certfleet 会创建一个，包含 {server}；到那时 {balancer} 才会显示有没有服务器 {id}',
  'during an order certfleet makes one with {server}': '下单期间 certfleet 会创建一个，包含 {server}',
  'Compare the server in {backend} with the console of the cloud: an order fails if there is none.':
    '请与云控制台核对 {backend} 中的服务器：如果没有这台服务器，订单会失败。',
  'no certificate of this store needs the rule any more, so it is a left-over':
    '本存储已没有证书需要这条规则，它是遗留的',
  'Run `certfleet sweep`, and then `certfleet sweep --lost`.':
    '请先执行 `certfleet sweep`，再执行 `certfleet sweep --lost`。',
  '{group}: {servers}, for 1 certificate': '{group}：{servers}，用于 1 张证书',
  '{group}: {servers}, for {count} certificates': '{group}：{servers}，用于 {count} 张证书',
  'none: the balancer answers by itself': '不需要：由负载均衡自己应答',
  'the balancer leads to the port {port}, where no responder of this store answers on this machine; the responder listens on {address}':
    '负载均衡转到 {port} 端口，而本机上没有本存储的应答程序在该端口应答；应答程序监听在 {address}',
  'Use one port for {listen} of the solver and {backend} of the balancer, unless something maps the port {port} of the node to the responder, as a container does.':
    '请让 solver 的 {listen} 和负载均衡的 {backend} 使用同一端口，除非节点的 {port} 端口已映射到应答程序（例如容器）。',
  'Run {command}, which makes the key and prints the configuration for the proxies.':
    '请执行 {command}，它会生成密钥并打印代理所需的配置。',
  'Put the configuration that {command} prints into every proxy of this name, and reload it.':
    '请把 {command} 打印的配置写进该域名的每个代理，然后重新加载。',

  // Why a rule does not work yet.
  'the rule is not there yet': '规则尚未生效',
  'the rule for {host} is not there': '{host} 的规则不存在',
  'the policy for {host} is not there': '{host} 的转发策略不存在',
  'the rule {rule} is not on the listener': '监听上没有规则 {rule}',
  'the target group is not there yet': '目标组尚未创建',
  'the target group is not there': '目标组不存在',
  'the target group is empty': '目标组为空',
  'the load balancer has not checked {server} yet': '负载均衡还没有检查 {server}',
  'no healthy backend: health check of {server}': '没有健康的后端：健康检查 {server}',
  'the health check of {server} is abnormal: is the port open for the load balancer (100.64.0.0/10), and does the responder listen there?':
    '{server} 的健康检查异常：端口是否对负载均衡（100.64.0.0/10）开放，应答程序是否在监听？',

  // The rights of credentials.
  '{done} of {count} actions were tried; not tried, because that could change something: {untried}':
    '{count} 项操作中已尝试 {done} 项，均有权限；因可能造成改动而未尝试：{untried}',
  '{done} of {count} actions were tried': '{count} 项操作中已尝试 {done} 项，均有权限',
  'the credentials do not allow {denied} ({reason}); not tried, because that could change something: {untried}':
    '凭据没有 {denied} 的权限（{reason}）；因可能造成改动而未尝试：{untried}',
  'the credentials do not allow {denied} ({reason})': '凭据没有 {denied} 的权限（{reason}）',
  'Add these actions to the policy of the user or role; the reference has the whole policy.':
    '请在用户或角色的权限策略中加上这些操作；完整的策略见参考文档。',
  'the credentials may not allow {doubtful}: the API refuses them for an object that does not exist; not tried, because that could change something: {untried}':
    '凭据可能没有 {doubtful} 的权限：API 拒绝对不存在的对象执行；因可能造成改动而未尝试：{untried}',
  'the credentials may not allow {doubtful}: the API refuses them for an object that does not exist':
    '凭据可能没有 {doubtful} 的权限：API 拒绝对不存在的对象执行',
  'If the policy names certain load balancers or domains only, that may be right. For a balancer, {command} shows it.':
    '如果策略只限定了某些负载均衡或域名，这可能是正常的。对于负载均衡，可用 {command} 确认。',
  '{done} of {count} actions were tried, and are allowed; whether the credentials allow the others cannot be tried without a change: {untried}':
    '{count} 项操作中已尝试 {done} 项，均有权限；其余的不做改动就无法确认：{untried}',
  'Compare the policy of the user or role with the one in the reference. For a balancer, {command} shows it.':
    '请把用户或角色的权限策略与参考文档中的对照。对于负载均衡，可用 {command} 确认。',

  // What an address answers.
  '{address} (redirected to {url}) answers {status}': '{address}（重定向到 {url}）应答 {status}',
  '{address} (redirected to {url})': '{address}（重定向到 {url}）',
  '{from}: its address {address}': '{from} 的地址 {address}',
  'Remove the record, or the redirect, that leads to {address}.': '请删除指向 {address} 的记录或重定向。',
  'If the CA sees other addresses than this machine, or is in this network, name resolvers that see what it sees (preflight.resolvers).':
    '如果 CA 看到的地址与本机不同，或者 CA 就在本网络中，请指定与 CA 所见一致的解析器（preflight.resolvers）。',
  '{from} answers {status} with a page about a missing ICP filing (备案): the provider blocks the name before it reaches the balancer':
    '{from} 应答 {status}，是未备案的提示页：请求在到达负载均衡之前就被服务商拦截',
  '{from} redirects to {to}, a page about a missing ICP filing (备案): the provider blocks the name before it reaches the balancer':
    '{from} 重定向到 {to}，是未备案的提示页：请求在到达负载均衡之前就被服务商拦截',
  'File the name (ICP) at the provider of this address, or use DNS-01, which needs no HTTP.':
    '请在该地址的服务商处完成域名备案，或者使用不需要 HTTP 的 DNS-01。',
  '{from} answers {status} with the page of a web application firewall':
    '{from} 应答 {status}，是 Web 应用防火墙的页面',
  'Let requests of {path} pass the firewall without a challenge or a country filter: CAs ask from several countries.':
    '请让防火墙放行对 {path} 的请求，不做人机验证，也不按国家或地区过滤：CA 会从多个国家发出请求。',
  '{from} answers 400 to a valid request: perhaps the balancer sends a PROXY protocol line that the server behind it does not expect':
    '{from} 对有效的请求应答 400：可能负载均衡发送了 PROXY 协议头，而后端服务器没有启用它',
  'Switch the PROXY protocol off for this listener, or on at the server behind it.':
    '请为该监听关闭 PROXY 协议，或者在后端服务器上启用它。',
  "Look at the servers that serve {host} today; certfleet's own are added for each order.":
    '请检查目前为 {host} 服务的服务器；certfleet 自己的只在下单时添加。',
  'Let the balancer reach the responder: its port, the security group or firewall, and the health check that the balancer makes.':
    '请让负载均衡能访问应答程序：检查端口、安全组或防火墙，以及负载均衡的健康检查。',
  'Make {url} lead to the responder; look for a rule, proxy or cache in front of it.':
    '请让 {url} 到达应答程序；检查前面的规则、代理和缓存。',
  'Make {url} lead to the solver from the whole internet.': '请让整个互联网对 {url} 的请求都能到达 solver。',
  '{address} answers something that is not HTTP ({words}): perhaps it expects a PROXY protocol line or TLS, or a firewall cut the connection':
    '{address} 应答的不是 HTTP（{words}）：可能它要求 PROXY 协议头或 TLS，或者连接被防火墙切断',
  '{address} closes the connection without an answer ({words}): perhaps it expects a PROXY protocol line or TLS, or a firewall cut the connection':
    '{address} 没有应答就关闭了连接（{words}）：可能它要求 PROXY 协议头或 TLS，或者连接被防火墙切断',
  'Switch the PROXY protocol off where the public reaches this port, and check that the port serves plain HTTP.':
    '请在公网入口关闭该端口的 PROXY 协议，并确认端口提供的是明文 HTTP。',
  '{address} does not answer: {words}': '{address} 没有应答：{words}',
  '{silent}; this machine has no route over IPv6': '{silent}；本机没有 IPv6 路由',
  '{silent}; IPv6 is not served, though IPv4 is': '{silent}；IPv4 有服务，IPv6 没有',
  'Most CAs ask over IPv6 first. Serve {host} over IPv6 as over IPv4, or remove the AAAA record; to be sure, run doctor where there is IPv6.':
    '多数 CA 优先使用 IPv6。请让 {host} 的 IPv6 与 IPv4 提供同样的服务，或者删除 AAAA 记录；要确认，请在有 IPv6 的地方运行 doctor。',
  'Most CAs ask over IPv6 first. Serve {host} over IPv6 as over IPv4, or remove the AAAA record.':
    '多数 CA 优先使用 IPv6。请让 {host} 的 IPv6 与 IPv4 提供同样的服务，或者删除 AAAA 记录。',
  '{from} redirects {path} to {to}, which loses the path': '{from} 把 {path} 重定向到 {to}，丢失了路径',
  'Redirect with the path ("return 301 https://$host$request_uri" in nginx), or exclude {path} of {host} from the redirect.':
    '重定向时请保留路径（nginx：“return 301 https://$host$request_uri”），或者不要重定向 {host} 的 {path}。',
  '{from} redirects to {to}; a CA follows http on port 80 and https on port 443 only':
    '{from} 重定向到 {to}；CA 只跟随到 80 端口的 http 和 443 端口的 https',
  'Exclude {path} of {host} from the redirect.': '请不要重定向 {host} 的 {path}。',
  '{from} redirects to {to}, and no address of that host was found': '{from} 重定向到 {to}，但找不到该主机的地址',
  'Give that host an address, or exclude {path} of {host} from the redirect.':
    '请为该主机添加地址记录，或者不要重定向 {host} 的 {path}。',
  '{from} redirects more than ten times, last to {to}': '{from} 重定向超过十次，最后到 {to}',
  'every address gives the right answer': '每个地址的应答都正确',
  '{address} gives the right answer': '{address} 的应答正确',
  '{name} has {count} addresses, and only {checked} were checked': '{name} 有 {count} 个地址，只检查了 {checked} 个',
  'Let the health check of the load balancer ask {path}, which answers while certfleet waits, and open that port for it. If the check needs longer, raise {option} of the solver.':
    '请让负载均衡的健康检查请求 {path}（certfleet 等待期间会应答），并为它开放端口。如果检查需要更长时间，请调大 solver 的 {option}。',
  '{address} is private, so it was not asked; a public CA cannot reach it':
    '{address} 是内网地址，因此未查询；公共 CA 无法访问它',
  '{address} is link-local or a metadata address, so it was not asked': '{address} 是链路本地或元数据地址，因此未查询',
  '{address} is link-local or a metadata address, so nothing was requested from it':
    '{address} 是链路本地或元数据地址，因此未请求',
  'port {port} of {address}': '{address} 的 {port} 端口',
  '{where} speaks {protocol} with another certificate': '{where} 支持 {protocol}，但证书不对',
  'Make TLS connections of the protocol {protocol} to port {port} of {host} reach the solver from the whole internet, without a proxy that ends TLS.':
    '请让整个互联网到 {host} 的 {port} 端口、使用 {protocol} 协议的 TLS 连接都能到达 solver，中间不能有终止 TLS 的代理。',

  // What targets have room for.
  'Correct it; {command} looks again.': '请改正；{command} 会重新检查。',
  'the site {zone} has an older version, which is replaced': '站点 {zone} 已有旧版本，会被替换',
  'the site {zone} uses {used} of {allowed} certificates of its plan':
    '站点 {zone} 的套餐有 {allowed} 个证书名额，已用 {used} 个',
  'the account holds {count} of {quota} certificates in {region}, and needs 1 more':
    '账号在 {region} 的证书配额为 {quota}，已用 {count}，还需要 1',
  '{place} uses {used} of {quota} domain extensions, and {region} {held} of {most} certificates; it needs {count} and 1 more':
    '{place} 的扩展域名已用 {used}（上限 {quota}），{region} 的证书已用 {held}（上限 {most}）；还需要 {count} 个扩展域名和 1 张证书',
  '{where} uses {used} of {quota} additional certificates, and needs 1 more':
    '{where} 的扩展证书已用 {used}（上限 {quota}），还需要 1',
  '{count} of {total} places of {at} can get it': '{at} 的 {total} 处中，{count} 处可以部署',
};
