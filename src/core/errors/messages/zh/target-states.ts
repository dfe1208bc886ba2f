/** Where a target stands, as its own look found it. */
export const targetStates: Readonly<Record<string, string>> = {
  // Listeners of load balancers.
  '{place} serves it': '{place} 正在使用它',
  '{place} serves {name} with another certificate': '{place} 为 {name} 使用另一张证书',
  '{place} serves {name} with a certificate that is not certfleet’s':
    '{place} 为 {name} 使用的证书不是 certfleet 部署的',
  '{place} serves an older one': '{place} 仍在使用旧版本',
  '{place} serves others': '{place} 使用其他证书',
  '{place} lacks it at {lacking} of {total}': '{place} 的 {total} 处中有 {lacking} 处还没有它',
  'the listener on port {port}': '{port} 端口的监听',
  '{where} has no certificate of {name}': '{where}没有 {name} 的证书',
  '{where} has another certificate: {id}': '{where}使用另一张证书：{id}',
  '{where} also has an older one': '{where}上还有旧版本',
  '{where} does not have it': '{where} 上没有它',
  '{where} has an older version: {id}': '{where} 上是旧版本：{id}',
  '{where} also has an older version': '{where} 上还有旧版本',
  '{id} is not the default certificate of {where}': '{id} 不是 {where} 的默认证书',
  '{id} is another certificate': '{id} 是另一张证书',
  'the site {zone} has an older version': '站点 {zone} 上是旧版本',
  'the site {zone} does not have it': '站点 {zone} 上没有它',

  // CDNs.
  'no domain is covered': '没有证书覆盖的域名',
  'the account has no such domain': '账号下没有这个域名',
  'HTTPS is off, and certfleet does not switch it on': 'HTTPS 未开启，certfleet 不会代为开启',
  'the certificate does not cover it': '证书没有覆盖它',
  'it is not uploaded yet': '尚未上传',
  'it is not uploaded': '没有上传',
  'domains have an older version, and this one is not uploaded yet': '域名上是旧版本，新版本尚未上传',
  '1 domain of {service} can get it': '{service} 的 1 个域名可以部署',
  '{count} domains of {service} can get it': '{service} 的 {count} 个域名可以部署',

  // Programs and folders.
  'HAProxy has no {file}': 'HAProxy 没有 {file}',
  '{file} is on disk, but HAProxy does not use it': '磁盘上有 {file}，但 HAProxy 没有使用它',
  'HAProxy has another certificate as {file}': 'HAProxy 中的 {file} 是另一张证书',
  'HAProxy uses it, but {file} on disk differs': 'HAProxy 已在使用它，但磁盘上的 {file} 不同',
  'HAProxy uses it, but {list} does not name {file}': 'HAProxy 已在使用它，但 {list} 中没有 {file}',
  'nginx has not been reloaded with it yet': 'nginx 还没有用它重新加载',
  'the command has not succeeded with it yet': '命令还没有用它成功执行过',
  // With a slash, because others say this of other things, too.
  '/{path} does not exist': '/{path} 不存在',
  '/{path} is missing': '/{path} 不存在',
  '/{path} belongs to another version': '/{path} 属于另一个版本',
  '/{path} has mode {mode} instead of {wanted}': '/{path} 的权限是 {mode}，应为 {wanted}',
  '/{path} belongs to user {user} instead of {wanted}': '/{path} 属于用户 {user}，应为 {wanted}',
  '/{path} belongs to group {group} instead of {wanted}': '/{path} 属于组 {group}，应为 {wanted}',
  'without lookUrl, the server cannot be asked': '没有 lookUrl，无法询问服务器',
  'the server has no certificate of this name': '服务器上没有这个名称的证书',
  'the server uses it': '服务器正在使用它',
  'the server uses another certificate': '服务器使用另一张证书',
};
