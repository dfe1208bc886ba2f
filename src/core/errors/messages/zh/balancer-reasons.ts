/** Why a load balancer or the client of its API refuses or waits, and what to do. */
export const balancerReasons: Readonly<Record<string, string>> = {
  // Listeners, and what cannot be found.
  'the load balancer has no listener at all': '该负载均衡没有任何监听',
  'its listeners are {listeners} (request {request})': '它的监听为 {listeners}（请求 {request}）',
  'its listeners are {listeners}': '它的监听为 {listeners}',
  'it has listeners on the ports {ports}': '它在这些端口上有监听：{ports}',
  'the listeners of the load balancer are: {listeners}': '该负载均衡的监听为：{listeners}',
  'the load balancer is not in this region, or has no listener': '该负载均衡不在这个地域，或者没有监听',
  'the region has no such ALB': '该地域没有这个 ALB',
  'an HTTPS listener on port {port} of {balancer} in {region}': '{region} 的 {balancer} 的 {port} 端口上的 HTTPS 监听',
  'an HTTPS listener on port {port}': '{port} 端口上的 HTTPS 监听',
  'a TCPSSL listener on port {port}': '{port} 端口上的 TCPSSL 监听',
  'an HTTPS listener': 'HTTPS 监听',
  'a TCPSSL listener': 'TCPSSL 监听',
  'a listener on port {port} ({protocol}) of {balancer} in {region}':
    '{region} 的 {balancer} 的 {port} 端口（{protocol}）上的监听',
  'the listener on port {port} ({protocol})': '{port} 端口（{protocol}）的监听',
  'the listener {listener} ({name})': '监听 {listener}（{name}）',
  'the listener {listener} of {balancer} in {region}': '{region} 的 {balancer} 的监听 {listener}',
  'the listener {listener} of {balancer}': '{balancer} 的监听 {listener}',
  'that listener of {balancer} in {region}': '{region} 的 {balancer} 的这个监听',
  'that listener of {balancer}': '{balancer} 的这个监听',
  'that rule of {balancer} in {region}': '{region} 的 {balancer} 的这条规则',
  'a running server {server} for {balancer} in {region}': '{region} 的 {balancer} 可用的、运行中的服务器 {server}',
  'any server': '任何服务器',
  'the group': '服务器组',
  'all traffic': '全部流量',
  'all hosts': '所有域名',
  'every host': '所有域名',
  'the project of {region}': '{region} 的项目',
  'a project of the region {region}': '地域 {region} 的项目',
  'the project has no listener of this load balancer': '该项目没有这个负载均衡的监听',

  // Rules.
  'the rule {rule} with the lower number {number} ({action}) wins over the one for {host}':
    '规则 {rule}（编号更小：{number}，{action}）优先于 {host} 的规则',
  'a rule with the lower number {number} ({action}) wins over the one for {host}':
    '有一条编号更小的规则（{number}，{action}）优先于 {host} 的规则',
  'the change of {what}': '对 {what} 的修改',
  'a policy for {host}': '{host} 的策略',
  '{listener} of the load balancer {balancer} in {region}': '{region} 的负载均衡 {balancer} 的监听 {listener}',
  'with the number {number}': '编号 {number}',
  '{count} rules on the listener {listener} of {balancer}': '{balancer} 的监听 {listener} 上的 {count} 条规则',
  '{count} rules on {place}': '{place} 上的 {count} 条规则',
  'more rules at {balancer} in {region}': '{region} 的 {balancer} 上更多的规则',
  'more rules on a listener of {balancer} in {region}': '{region} 的 {balancer} 的一个监听上更多的规则',
  'more rules or servers at {balancer} in {region}': '{region} 的 {balancer} 上更多的规则或服务器',
  'another group, certificate or domain extension at {balancer} in {region}':
    '{region} 的 {balancer} 上再多一个服务器组、证书或扩展域名',
  'another additional certificate on a listener of {balancer} in {region}':
    '{region} 的 {balancer} 的一个监听上再多一张扩展证书',
  'something that {what} needs at {balancer} in {region}': '{what} 在 {region} 的 {balancer} 上需要的某个对象',
  'something that the call needs at {balancer} in {region}': '这次调用在 {region} 的 {balancer} 上需要的某个对象',
  'something that the call needs in {region}': '这次调用在 {region} 需要的某个对象',
  'more objects of ELB in {region}': '{region} 中更多的 ELB 对象',
  'more SSL certificates': '更多的 SSL 证书',
  'the port {port} redirects to the HTTPS listener {listener}, so the rules are there':
    '{port} 端口重定向到 HTTPS 监听 {listener}，所以规则在那里',
  'hosts without rules go to none of its domains': '没有规则的域名不转到任何域名',
  'hosts without rules go to {host}': '没有规则的域名转到 {host}',
  'forwards to a target group': '转发到目标组',
  'forwards to its servers': '转发到它的服务器',
  'the change was accepted, and has had no effect': '修改已被接受，但没有生效',
  '{error}: {what} was changed meanwhile': '{error}：{what} 在此期间被修改',

  // Health.
  'the health check of the server group has not begun yet': '服务器组的健康检查还没有开始',
  'the health check of {server} fails ({reason}): does the security group of the server let the load balancer reach the port, and does the responder listen there?':
    '{server} 的健康检查失败（{reason}）：服务器的安全组是否允许负载均衡访问该端口，应答程序是否在那里监听？',
  'the health check of {server} fails: does the security group of the server let the load balancer reach the port, and does the responder listen there?':
    '{server} 的健康检查失败：服务器的安全组是否允许负载均衡访问该端口，应答程序是否在那里监听？',
  'the health check of {server} is not good (yet): does the security group of the server let the load balancer reach the port, and does the responder listen there?':
    '{server} 的健康检查（还）没有通过：服务器的安全组是否允许负载均衡访问该端口，应答程序是否在那里监听？',
  'the load balancer has not checked {server} yet ({state})': '负载均衡还没有检查 {server}（{state}）',
  'no healthy backend: health check of {server} has not been made yet': '没有健康的后端：还没有对 {server} 做健康检查',
  'no healthy backend: health check of {server} fails': '没有健康的后端：{server} 的健康检查失败',
  'the target {target} is {state}: {reason}': '目标 {target} 的状态为 {state}：{reason}',
  'the target {target} is {state}': '目标 {target} 的状态为 {state}',
  'its first health checks are under way': '正在进行首次健康检查',
  'it is being registered': '正在注册',
  'its health check timed out; the security group of the node must let the load balancer reach this port (Target.Timeout)':
    '健康检查超时；节点的安全组必须允许负载均衡访问这个端口 (Target.Timeout)',
  'the load balancer cannot connect to it; is the responder listening on this port? (Target.FailedHealthChecks)':
    '负载均衡无法连接它；应答程序是否在监听这个端口？(Target.FailedHealthChecks)',
  'another program answers on this port (Target.ResponseCodeMismatch)':
    '在这个端口上应答的是另一个程序 (Target.ResponseCodeMismatch)',
  'no rule leads to it, or its availability zone is not enabled for the load balancer (Target.NotInUse)':
    '没有规则转发到它，或者负载均衡没有启用它所在的可用区 (Target.NotInUse)',

  // HAProxy and nginx.
  'Create it (`touch {file}`), add the line of the reference (`http-request return …`) to the frontend, and reload HAProxy.':
    '请创建它（`touch {file}`），把参考文档中的一行（`http-request return …`）加到 frontend，然后重新加载 HAProxy。',
  'changing the map {map}': '修改 map {map}',
  'Check that HAProxy is running, that `sockets` names the `stats socket … level admin` of its configuration, and that certfleet’s user may use it.':
    '请确认 HAProxy 正在运行、`sockets` 指定了其配置中的 `stats socket … level admin`，并且 certfleet 的用户可以使用它。',
  'HAProxy’s admin socket cannot be used: {reason}': '无法使用 HAProxy 的管理 socket：{reason}',
  'HAProxy answered "{answer}" to `{command}`': 'HAProxy 对 `{command}` 应答 "{answer}"',
  'Create it (`touch {file}`), and write `include {included};` into the server blocks of port 80.':
    '请创建它（`touch {file}`），并在 80 端口的 server 块中写入 `include {included};`。',
  'it ended with {status}: {output}': '它以 {status} 结束：{output}',
  'Mend nginx’s configuration, which this command tests.': '请改正 nginx 的配置，这条命令检查的就是它。',
  'Write `include {included};` only once into each server block, also counting files that it includes.':
    '请在每个 server 块中只写一次 `include {included};`，它包含的文件也计算在内。',
  'Write `include {included};` into server blocks, not outside of them.':
    '请把 `include {included};` 写在 server 块之内，而不是之外。',
  'Look at the lines of {file} that are not certfleet’s.': '请查看 {file} 中不是 certfleet 写的行。',
  'Check that nginx is running, and that certfleet may signal it: run it as root, or set `reload: [sudo, …]`.':
    '请确认 nginx 正在运行，并且 certfleet 可以向它发送信号：以 root 运行，或者设置 `reload: [sudo, …]`。',
  'nginx redirects at {address} for {host} to {to}; put the redirect of its server block into `location / { … }`':
    '{address} 的 nginx 把 {host} 重定向到 {to}；请把 server 块中的重定向放进 `location / { … }`',
  'another place': '另一个位置',
  'nginx answers HTTP {status} at {address} for {host}; it has not reloaded yet, or that server block lacks `include {included};`':
    '{address} 的 nginx 对 {host} 应答 HTTP {status}；它还没有重新加载，或者那个 server 块缺少 `include {included};`',
  'nginx does not answer at {address} for {host}: {reason}; `address` names where it accepts plain HTTP':
    '{address} 的 nginx 没有为 {host} 应答：{reason}；`address` 指定它在哪里接受明文 HTTP',
  'workers from before the reload may still answer': '重新加载之前的 worker 可能仍在应答',
  'the rule {name}': '规则 {name}',
  'its token or key authorization has characters that RFC 8555 does not allow':
    '它的令牌或密钥授权含有 RFC 8555 不允许的字符',
  'The CA sent them.': '这些字符来自 CA。',
  'Keep the file in a folder of root or of certfleet’s user.':
    '请把该文件放在 root 或 certfleet 的用户所拥有的目录中。',
  'A single file that is mounted into a container cannot be replaced: mount its folder.':
    '挂载到容器中的单个文件不能替换：请挂载它所在的目录。',
  'Run certfleet as root, or let its user write to the folder of this file.':
    '请以 root 运行 certfleet，或者允许它的用户写入该文件所在的目录。',
  'there is no {path}': '没有 {path}',
  '/{path} is a symbolic link': '/{path} 是符号链接',
  'Name the file that it leads to, there and here.': '请在两处都写它所指向的文件。',
  '/{path} is not a file': '/{path} 不是文件',
};
