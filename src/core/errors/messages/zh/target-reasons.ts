/** Why a target of certificates refuses or lags behind, and what to do. */
export const targetReasons: Readonly<Record<string, string>> = {
  'the deployer {type} needs a balancer': '部署目标 {type} 需要一个负载均衡',
  '`balancer` must name one of `balancers`': '`balancer` 必须是 `balancers` 中的一个',
  'it was not uploaded': '它没有上传',
  'its upload was removed from CAS': '它在数字证书管理服务中的上传已被删除',
  'its upload was removed': '它的上传已被删除',
  'the uploaded certificate {certificate} is not in {place} (any more)':
    '上传的证书 {certificate}（已）不在 {place} 中',
  'the certificate does not cover {name}, which `names` lists': '证书不包含 `names` 中的 {name}',
  '{place} did not take the certificate within {seconds} s': '{place} 在 {seconds} 秒内没有换上证书',
  '{place} did not take the certificate': '{place} 没有换上证书',
  'the extension of {name}': '{name} 的扩展域名',
  '{reason}; and what was changed could not be put back: {why}': '{reason}；已做的修改也无法还原：{why}',
  'something still refers to the certificate {certificate} in {place}': '仍有对象引用 {place} 的证书 {certificate}',
  'the domain extension {id} of {name} (`aliyun slb DeleteDomainExtension --RegionId {region} --DomainExtensionId {extension}`)':
    '{name} 的扩展域名 {id}（`aliyun slb DeleteDomainExtension --RegionId {region} --DomainExtensionId {extension}`）',
  'Delete the domain extension {id} of {name} (`aliyun slb DeleteDomainExtension --RegionId {region} --DomainExtensionId {extension}`).':
    '请删除 {name} 的扩展域名 {id}（`aliyun slb DeleteDomainExtension --RegionId {region} --DomainExtensionId {extension}`）。',
  'the certificate {certificate} in {region}': '{region} 的证书 {certificate}',
  'the certificate {certificate} in {region}, which {place} serves': '{region} 的证书 {certificate}，{place} 正在使用',
  'Choose another default certificate for {place} in the SLB console.':
    '请在负载均衡（SLB）控制台为 {place} 选择另一张默认证书。',
  'Choose another one for the listener in the ELB console.': '请在 ELB 控制台为监听选择另一张证书。',
  'Then `certfleet sweep --lost --owner {owner}` deletes the certificate.':
    '之后 `certfleet sweep --lost --owner {owner}` 会删除该证书。',
  'Then `certfleet sweep --lost --owner {owner}` deletes it.':
    '之后 `certfleet sweep --lost --owner {owner}` 会删除它。',
  '`certfleet sweep --lost --owner {owner}` deletes it.': '`certfleet sweep --lost --owner {owner}` 会删除它。',
  'the certificate {certificate} of the site {site} in ESA. Remove it in the console once nothing needs it.':
    'ESA 站点 {site} 的证书 {certificate}。不再需要时，请在控制台删除。',
  'the certificate {certificate} of the site {site} in ESA': 'ESA 站点 {site} 的证书 {certificate}',
  'Remove it in the console once nothing needs it.': '不再需要时，请在控制台删除。',
  '{place} needs no room for a default certificate': '{place} 的默认证书不占配额',
  '{place} has the certificate {rival} of this store, too, for the same names ({names}) and with the same kind of key, and which of the two it would serve is not known':
    '{place} 还有本存储的证书 {rival}，域名相同（{names}），密钥类型也相同，无法确定它会使用哪一张',
  'the listener has {count} default certificates': '该监听有 {count} 张默认证书',
  'the default certificate of the listener ({certificate}) is not in CAS, so its names are unknown':
    '监听的默认证书（{certificate}）不在数字证书管理服务中，因此不知道它的域名',
  'the default certificate of the listener ({certificate}) is not in ACM, so its names are unknown':
    '监听的默认证书（{certificate}）不在 ACM 中，因此不知道它的域名',
  'the default certificate of the listener ({certificate}) also covers {names}':
    '监听的默认证书（{certificate}）还包含 {names}',
  'the default certificate of the listener ({certificate})': '监听的默认证书（{certificate}）',
  'Use `attach: additional`.': '请使用 `attach: additional`。',
  'Add these names to the certificate.': '请把这些域名加入证书。',
  'Add these names to the certificate, or use `attach: additional`.':
    '请把这些域名加入证书，或者使用 `attach: additional`。',
  '{certificate} is an additional certificate of the listener, and NLB takes none as both. The next version becomes the default one: `certfleet renew {lineage} --force`':
    '{certificate} 是监听的扩展证书，NLB 不允许同一张证书兼作默认证书。下一个版本会成为默认证书：`certfleet renew {lineage} --force`',
  '{certificate} is an additional certificate of the listener, and NLB takes none as both':
    '{certificate} 是监听的扩展证书，NLB 不允许同一张证书兼作默认证书',
  'The next version becomes the default one: `certfleet renew {lineage} --force`':
    '下一个版本会成为默认证书：`certfleet renew {lineage} --force`',
  '{name} can be served by the default certificate only, and {why}': '{name} 只能由默认证书提供，而{why}',
  'this deployer makes domain extensions only': '这个部署目标只创建扩展域名',
  'the API does not say which names the default certificate of the listener is for':
    'API 不返回监听的默认证书用于哪些域名',
  'the default certificate of the listener is also for {names}, which this one does not cover':
    '监听的默认证书还用于 {names}，新证书不包含它们',
  'Alibaba CLB takes no {type} keys, only RSA with 1024, 2048 or 4096 bits and ECDSA on P-256, P-384 or P-521':
    '阿里云 CLB 不接受 {type} 密钥，只接受 1024、2048 或 4096 位的 RSA 以及 P-256、P-384 或 P-521 上的 ECDSA',
  '{service} takes no {type} keys, only RSA and ECDSA': '{service} 不接受 {type} 密钥，只接受 RSA 和 ECDSA',
  'Order one certificate with these names, which becomes the default certificate of the listener and needs no extension: {names}.':
    '请把这些域名合并申请一张证书，作为监听的默认证书，就不需要扩展域名：{names}。',
  'Or have the quota raised, and set `extensionQuota`.': '或者申请提高配额，并设置 `extensionQuota`。',
  'the bucket {bucket}': '存储空间 {bucket}',
  '{code} at the bucket {bucket}: {message}': '{code}（存储空间 {bucket}）：{message}',
  'Check `region`, or add to the policy of the RAM user or role: {statement}, and the three actions of `yundun-cert` that the reference names.':
    '请检查 `region`，或者在 RAM 用户或角色的权限策略中加上 {statement} 以及参考文档列出的三个 `yundun-cert` 操作。',
  'Check `region`, or add to the policy of the RAM user or role: {statement}.':
    '请检查 `region`，或者在 RAM 用户或角色的权限策略中加上 {statement}。',
  'the listener on port {port} has the protocol {protocol}: it needs HTTPS':
    '{port} 端口的监听使用 {protocol} 协议：需要 HTTPS',
  '{certificate} is not a certificate of {place} any more': '{certificate} 已不再是 {place} 的证书',

  // Settings that have no effect, or do not fit together.
  'solvers.{name}: persistFor has no effect without `challenge: dns-persist-01`':
    'solvers.{name}：没有 `challenge: dns-persist-01` 时，persistFor 不起作用',
  'solvers.{name}: zones names the solver "{other}" itself for {zone}, which has no effect; name another solver, or leave it out':
    'solvers.{name}：zones 为 {zone} 指定了 solver "{other}" 本身，不起作用；请指定另一个 solver，或者去掉它',
  'solvers.{name} listens on port {port}, but balancers.{balancer} leads to port {other} (backend); use one port, unless something maps {from} to {to}, as a container does':
    'solvers.{name} 监听 {port} 端口，而 balancers.{balancer} 转发到 {other} 端口 (backend)；请使用同一个端口，除非有映射把 {from} 转到 {to}（例如容器）',
  'solvers.{name}: the CA connects to port 80 for HTTP-01, but balancers.{balancer} changes the listener on port {port}; leave out listenerPort, unless port 80 leads to that listener (a listener that redirects to it is followed by itself)':
    'solvers.{name}：HTTP-01 时 CA 连接 80 端口，而 balancers.{balancer} 修改的是 {port} 端口的监听；请去掉 listenerPort，除非 80 端口转到那个监听（重定向到它的监听会自动跟随）',

  // Huawei Cloud and Tencent Cloud.
  'the certificate {certificate} belongs to Cloud Certificate Manager: replace it there':
    '证书 {certificate} 属于云证书管理服务（CCM）：请在那里替换',
  'the certificate {certificate} is also for {name}, which the new one does not cover':
    '证书 {certificate} 还用于 {name}，新证书不包含它',
  'the certificate {certificate} ({name}) is replaced': '将替换证书 {certificate}（{name}）',
  '{certificate} is it': '{certificate} 就是它',
  'the listener has the certificate {name} ({certificate}) for {host}, too, and it is another certificate of certfleet or has names that this one lacks: {names}':
    '监听为 {host} 还配置了证书 {name}（{certificate}），它是 certfleet 的另一张证书，或者包含这张证书没有的域名：{names}',
  'it has a second certificate, which this change would remove: change its certificate in the console':
    '它还有第二张证书，这次修改会把它移除：请在控制台更换证书',
  'it has an SM2 certificate, which this change would remove: change its certificate in the console':
    '它有一张国密（SM2）证书，这次修改会把它移除：请在控制台更换证书',
  '{place} got another certificate meanwhile, so it keeps that until the next run looks at it':
    '{place} 在此期间换上了另一张证书，在下次运行查看之前保留它',
  '{place} has no domain {name}, which `names` lists': '{place} 没有 `names` 中的域名 {name}',
  '{place} has no domain that the certificate covers; its domains: {names}':
    '{place} 没有证书包含的域名；它的域名：{names}',
  'it shares its certificate with {names}, which this one does not cover: put that domain in a rule of its own, or add it to the certificate':
    '它与 {names} 共用证书，新证书不包含后者：请为那个域名单独建一条规则，或者把它加入证书',
  'its certificate {certificate} cannot be read, so the names that it serves are unknown':
    '无法读取它的证书 {certificate}，因此不知道它用于哪些域名',
  'its certificate {certificate} is also for {names}, which this one does not cover: switch on SNI, or add these names to the certificate':
    '它的证书 {certificate} 还用于 {names}，新证书不包含它们：请开启 SNI，或者把这些域名加入证书',
  '{place} keeps its certificate: {reason}': '{place} 保留原来的证书：{reason}',
  '{count} of {total} places of {place} can get it; others are left to the certificate {certificate}':
    '{place} 的 {total} 个位置中有 {count} 个可以部署；其余由证书 {certificate} 使用',
  'others are left to the certificate {certificate}': '其余由证书 {certificate} 使用',
  'another one cannot: {reason}': '另一个不行：{reason}',
  'it has another certificate': '它用的是另一张证书',
  'it has none': '它没有证书',
  'Check the options of {deployer}.': '请检查 {deployer} 的选项。',
  '{product} has no domain with HTTPS that the certificate covers (and that is not in `except`)':
    '{product} 没有证书包含的（并且不在 `except` 中的）HTTPS 域名',
  'no domain can get it: {places}': '没有域名可以部署：{places}',
  '1 domain has it': '1 个域名已部署',
  '{count} domains have it': '{count} 个域名已部署',
  '1 domain': '1 个域名',
  '{count} domains': '{count} 个域名',
  'its status is {status}': '它的状态为 {status}',
  'the deployment failed': '部署失败',
  'something still uses it': '它仍在使用',
  'the account has not granted the service role SSL_QCSLinkedRoleInReplaceLoadCertificate, without which the service cannot tell whether something uses it: grant it in the console of SSL Certificate Service':
    '账号尚未授予服务角色 SSL_QCSLinkedRoleInReplaceLoadCertificate，缺少它服务就无法判断证书是否仍在使用：请在 SSL 证书控制台授权',
  'the service could not tell whether something uses it: {reason}': '服务无法判断它是否仍在使用：{reason}',
  'the service has not found out yet whether something uses it': '服务还没有判断出它是否仍在使用',
  'the service did not delete it': '服务没有删除它',
  'the certificate {certificate} stays: {reason}': '证书 {certificate} 没有删除：{reason}',
  'it gave no reason': '没有说明原因',
  'the domain {name}': '域名 {name}',
  'each of the domains {names}': '域名 {names} 中的每一个',
  'a domain that the certificate covers': '证书包含的域名',
  'there is none (that is not in `except`)': '没有（不在 `except` 中的）域名',
  'its last configuration failed': '它最近一次配置失败',
  '{count} of {places} cannot get it: {reasons}': '{places}中有 {count} 个不能部署：{reasons}',
  '{places} of {service} can get it': '{service} 的 {places}可以部署',
  '{places} left to the certificate {certificate}': '{places}由证书 {certificate} 使用',

  // Commands and webhooks.
  'the option "path" is missing, and this store has no folder to use instead':
    '缺少选项 "path"，而本存储没有可以代替的目录',
  'the command took longer than {span} and was ended': '命令超过 {span} 没有结束，已被终止',
  'the command ended with {status}: {output}': '命令以 {status} 结束：{output}',
  '`{command}` ended with {status}: {output}': '`{command}` 以 {status} 结束：{output}',
  'it ended with {status}': '它以 {status} 结束',
  'exit code {code}': '退出码 {code}',
  'it printed nothing': '没有输出',
  '`secretHeaders` needs lines of the form `Name: value`': '`secretHeaders` 的每一行应为 `Name: value`',
  'it accepted the certificate, but {detail}': '它接受了证书，但 {detail}',
  'the fingerprint is missing in its answer, or is no SHA-256 in hex': '应答中缺少指纹，或者指纹不是十六进制的 SHA-256',
  'HTTP {status} with a web page': 'HTTP {status}，内容是网页',
  'HTTP {status} instead of {wanted}': 'HTTP {status}，应为 {wanted}',
};
