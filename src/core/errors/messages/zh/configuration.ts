import { translation } from '../../template.ts';
import { configuration as english } from '../configuration.ts';

export const configuration = translation(english, {
  'config/no-responder': {
    message: '这里没有什么可应答的：配置和存储中没有 solver 监听端口',
    hint: '请声明 `http01-responder`、`http01-forward-rule` 或 `tls-alpn01` 类型的 solver。其他类型不需要应答程序。',
  },
  'config/unreadable': {
    message: '无法读取配置 {file}：{reason}',
    hint: '请用 --config 指定其他文件，或者从 `certfleet config example` 的输出开始写。',
  },
  'config/emptied': {
    message: '配置 {file} 现在是空的',
    hint: '请重新写入。如果本来就不想声明任何内容，请写一行注释；如果它在 certfleet.d 里，也可以把它移走。',
  },
  'config/untrusted': {
    message: '配置 {file} 不可信任：{reason}',
    hint: '配置指定了 certfleet 以当前用户身份执行的命令。请检查它的内容，然后执行：{remedy}。如果权限是有意这样设置的，请用 --config 指定这个文件。',
  },
  'config/untrusted-code': {
    message: '{path} 不可信任：{reason}',
    hint: 'certfleet 会以当前用户身份执行它。请检查它的内容，然后执行：{remedy}。',
  },
  'config/timer-not-started': {
    message: '文件已经写好，但 `{command}` 失败：{reason}',
    hint: '请解决原因，然后再执行 `certfleet install-timer`。如果本机没有运行 systemd，请加上 --cron。',
  },
  'config/cannot-listen': {
    message: '配置中的 `{option}`：无法使用 {address}：{reason}',
    hint: '请换一个端口或路径，或者停止占用它的程序。1024 以下的端口需要 root 或 CAP_NET_BIND_SERVICE。',
  },
  'config/not-listening': {
    message: '`certfleet run` 在这里不应答健康检查，因为没有设置 `listen`',
    hint: '请在 certfleet.yaml 中设置 `listen`，例如 `listen: 127.0.0.1:9110`，然后重新启动 `certfleet run`。应答程序请改用环境变量 CERTFLEET_LISTEN。',
  },
  'config/no-api-socket': {
    message: 'API 没有 Unix 套接字，因为 `pages.listen` 没有指定',
    hint: '请在 certfleet.yaml 的 `pages.listen` 中加一个，例如 unix:/run/certfleet/pages.sock。',
  },
  'config/invalid': {
    message: '{file}：{problem}',
    hint: '`certfleet config check` 会列出所有问题及其行号。',
  },
  'config/own-secret': {
    message: '无法使用配置中的 `{option}`：{reason}',
    hint: '请写 `file:/path`（权限 0600、当前用户可读的文件），或者 `env:` 加上存放该值的变量名。',
  },
  'config/credential-missing': {
    message: '{what} 缺少 {credential}',
    hint: '请设置环境变量，或者在配置中写 `file:/path`（权限 0600）。在命令行上指定 DNS 服务商时，用 --dns-option KEY=VALUE；机密用 KEY=file:/path。',
  },
  'config/account-needed': {
    message: '{issuer} 只为自己的客户开户（外部账户绑定，EAB）',
    hint: '请给出 --eab-kid 和 --eab-hmac-key（配置中的 `eab`），或者用 --account（`account`）指定一个已开的账户。获取 EAB 密钥：{where}',
  },
  'config/eab-key-missing': {
    message: '无法在 {issuer} 开户：{reason}',
    hint: '请把 CA 随 key ID 一起给出的 HMAC 密钥放进环境变量，或者放进一个文件（权限 0600）：--eab-hmac-key file:/path，配置中写 `hmacKey: file:/path`。',
  },
  'config/solver-too-long': {
    message: 'solver "{solver}" 的设置有 {size} 字节，日志没有空间为 {count} 个域名的验证各存一份',
    hint: '请把长的钩子写成脚本，只写它的路径。',
  },
  'config/secret-unreadable': {
    message: '无法读取机密文件 {file}：{reason}',
    hint: '请检查路径，并确认当前用户可以读取该文件。',
  },
  'config/credentials-unusable': {
    message: '无法使用 {what} 的凭据文件 {file}：{reason}',
    hint: '{advice}',
  },
  'config/no-metadata': {
    message: '{what} 需要 {fact}，但 {source} 没有提供：{reason}',
    hint: '{advice}',
  },
  'config/ca-file-unusable': {
    message: '无法使用 CA 文件 {file}：{reason}',
    hint: '请用 --ca-file FILE 或 issuer 的 `caFile` 给出一个 PEM 文件，内含私有 CA 的根证书。certfleet 在公共根证书之外额外信任它们；加上 --only-this-ca 或 `onlyThisCa`，则只信任它们。',
  },
  'config/unknown-reference': {
    message: '{where} 引用的 {kind} "{name}" 没有声明{nearest}',
    hint: '请在配置中声明它，或者改正名称。',
  },
  'config/unknown-type': {
    message: '这个版本的 certfleet 没有 {kind} "{name}"',
    hint: '`certfleet providers` 列出可用的类型。{advice}',
  },
  'config/email-needed': {
    message: '{issuer} 要求账户有邮箱地址',
    hint: '请用 --email 或 issuer 的 `email` 给出地址。',
  },
  'config/eab-key': {
    message: 'EAB 密钥无效：{reason}',
    hint: '请完整复制 CA 显示的密钥：base64url 或 base64，有没有填充都可以。',
  },
  'config/terms-not-agreed': {
    message: '{issuer} 要求同意它的服务条款（{url}）',
    hint: '请先阅读条款，然后在 -d 之外加上 --agree-tos，或者在 certfleet.yaml 的 issuer 下设置 `agreeToTerms: true`，或者在该颁发机构的页面上勾选同意。',
  },
  'config/unknown-profile': {
    message: '{issuer} 没有 profile "{profile}"{nearest}',
    hint: '请用 --profile 或 certfleet.yaml 的 `profile` 选择其中一个：{profiles}，或者去掉这项设置。',
  },
  'config/validity': {
    message: '无法申请 {given} 的证书：{reason}',
    hint: '请用 --not-before 和 --not-after，或者 certfleet.yaml 的 `notBefore` 和 `notAfter` 修改。`none` 表示由 CA 决定。',
  },
  'config/ca-sets-validity': {
    message: '{issuer} 不接受指定证书起止时间的订单',
    hint: '请去掉 --not-before 和 --not-after（certfleet.yaml 中的 `notBefore` 和 `notAfter`）。要删除已保存的时间，把它们设为 `none`。{advice}',
  },
  'account/proxies-behind': {
    message: '没有更换账户密钥，因为代理还没有用新密钥应答：{finding}',
    hint: '请执行 `certfleet stateless {name}`，它现在打印新密钥的配置；把它放到每台代理上，再执行一次 `certfleet account rollover`。在此之前，由代理自己应答验证的证书不会下单。想保留现在的密钥，执行 `certfleet account rollover --abort`。',
  },
  'config/two-accounts': {
    message: 'solver "{solver}" 用于两个账户（{accounts}），但它的代理只能为一个账户应答',
    hint: '请让它的所有证书使用同一个 issuer，或者为另一个 issuer 的域名再声明一个 http01-stateless 类型的 solver。',
  },
  'config/no-test-directory': {
    message: '{issuer} 没有测试环境，不能使用 --staging 和 --dry-run',
    hint: '请使用有已知测试环境的 issuer；或者用 `--test-directory`、issuer 的 `testDirectory` 指定；或者再声明一个带 `test: true` 的 issuer。',
  },
  'identifier/empty-list': {
    message: '{certificate} 没有给出域名或 IP 地址',
    hint: '请至少给出一个：`-d www.example.com`，或者配置中的 `identifiers: [www.example.com]`。',
  },
  'identifier/too-many': {
    message: '证书有 {count} 个域名，而 CA 最多接受 {limit} 个',
    hint: '请分成多张证书。',
  },
  'identifier/invalid': {
    message: '"{value}" 不是有效的域名或 IP 地址：{reason}',
    hint: '请写成 www.example.com、*.example.com、192.0.2.1 或 2001:db8::1 的形式。',
  },
  'identifier/no-public-suffix': {
    message: '"{value}" 不在任何公共后缀之下，公共 CA {issuer} 不能为它签发',
    hint: '请使用已注册域名下的名称，或者使用测试或私有的 issuer（`test: true`，或者私有的 `directory`）。',
  },
  'identifier/covered-by-wildcard': {
    message: '同一张证书里的 "{wildcard}" 已经覆盖 "{value}"，CA 不接受两者并存',
    hint: '请去掉 {value}。',
  },
  'identifier/wildcard-needs-dns': {
    message: '通配符 "{value}" 只能通过 DNS 验证，但 {solver} 应答的是 {answers}',
    hint: '请用 --dns PROVIDER，或者 dns01 类型的 solver。',
  },
  'identifier/not-in-profile': {
    message: '使用 profile {profile} 时，{issuer} 接受 {accepts}',
    hint: '{advice}',
  },
  'identifier/ip-needs-http': {
    message: 'IP 地址 "{value}" 不能通过 DNS 验证（RFC 8738 §7）',
    hint: '请为这个地址使用应答 HTTP-01 或 TLS-ALPN-01 的 solver。',
  },
  'lineage/invalid-name': {
    message: '"{name}" 不是有效的证书名称',
    hint: '请用 1 到 100 个字符：小写字母、数字、点、下划线和连字符，不能以连字符开头，也不能是 `.`、`..`、`__proto__` 或 `constructor`。',
  },
  'lineage/not-found': {
    message: '配置和存储中都没有名为 "{name}" 的证书{nearest}',
    hint: '`certfleet status` 列出所有证书。要申请一张，执行 `certfleet issue -d {word} --agree-tos`，或者在 certfleet.yaml 中声明。',
  },
  'lineage/not-alone': {
    message: '没有只包含 {value} 的证书；相近的有：{near}',
    hint: '请改用证书的名称。`certfleet status` 列出所有证书。',
  },
  'lineage/in-use': {
    message: '"{name}" 仍部署在 {targets}',
    hint: '请先去掉它的目标（`certfleet issue {name} --deploy none --endpoint none`，或者在 certfleet.yaml 中）；或者加上 --force 直接删除。已部署的副本会留在原处。',
  },
  'lineage/changed': {
    message: '"{name}" 在查看之后有了变化，操作没有执行',
    hint: '请重新查看，再作决定。',
  },
  'lineage/at-work': {
    message: '有进程正在处理 "{name}"，所以什么都没有做',
    hint: '请等它完成。',
  },
  'lineage/not-issued': {
    message: '"{name}" 在配置中声明了，但还没有签发',
    hint: '要下单，执行 `certfleet renew`。如果不再需要，请从配置中去掉。',
  },
  'lineage/no-certificate': {
    message: '"{name}" 还没有证书',
    hint: '`certfleet status {name}` 显示原因。要申请证书，执行 `certfleet issue {name}`。',
  },
  'lineage/no-way-back': {
    message: '"{name}" 不能回到上一个版本：{reason}',
    hint: '要申请新证书，执行 `certfleet issue {name} --force`。',
  },
  'lineage/other-names': {
    message: '证书 {name} 还包含 {others}；未做任何改动',
    hint: '没有给出证书名称时，-d 不会去掉域名。要让证书只包含这些域名，执行 `{replace}`。要另外申请一张，执行 `{another}`。',
  },
  'lineage/name-taken': {
    message: '另一个进程刚刚修改了证书 {name} 的域名；本命令未做任何改动',
    hint: '请再执行一次。',
  },
  'lineage/not-renewed': {
    message: '"{name}" 在存储中，但 {why}',
    hint: '{advice}',
  },
  'config/declared-in-file': {
    message: '"{name}" 在配置文件中声明，只能在那里修改',
    hint: '请编辑配置文件，或者换一个名称。',
  },
  'config/declaration-changed': {
    message: '"{name}" 的声明在查看之后有了变化，操作没有执行',
    hint: '请重新查看，再作决定。',
  },
  'config/declaration-refused': {
    message: '不能这样声明 "{name}"',
    hint: '请按每个字段旁的说明改正。',
  },
  'config/connection-in-use': {
    message: '"{name}" 正在使用：{users}',
    hint: '请先让它们改用别的。',
  },
  'config/not-declared': {
    message: '存储中没有声明 "{name}"',
    hint: '配置文件声明的证书在配置文件中修改，`certfleet issue` 创建的用 `certfleet edit` 修改。',
  },
});
