import { translation } from '../../template.ts';
import { usage as english } from '../usage.ts';

export const usage = translation(english, {
  'usage/invalid': { message: '{what}', hint: '见 `certfleet --help`。' },
  'usage/unknown-command': {
    message: "没有命令 '{typed}'{advice}",
    hint: '见 `certfleet --help`。',
  },
  'usage/unknown-option': {
    message: "没有参数 '{typed}'{advice}",
    hint: '见 `certfleet --help`。',
  },
  'usage/command-missing': {
    message: '没有给出命令；请选择其中一个：{commands}',
    hint: '见 `certfleet --help`。',
  },
  'usage/argument-empty': {
    message: 'certfleet {command}：有一个参数是空的',
    hint: '如果它来自 shell 变量，请检查变量是否已设置。',
  },
  'usage/unknown-node': {
    message: '没有名为 "{node}" 的节点；{known}',
    hint: '`certfleet status` 列出存储的所有节点。',
  },
  'usage/node-runs': {
    message: '{command} 正在节点 {node} 上运行，所以没有移除它',
    hint: '请先在那里停止它。如果那台机器永远不再使用，请在它最后一次心跳五分钟后再试。',
  },
  'usage/arguments': {
    message: '请给出 {what}：`{form}`',
    hint: '示例见 --help。',
  },
  'usage/unknown-name': {
    message: '没有 {kind} "{name}"{nearest}',
    hint: '{advice}',
  },
  'usage/unknown-value': {
    message: '{typed}：应为 {known}{nearest}',
    hint: '每个值的作用见 --help。',
  },
  'usage/invalid-value': {
    message: '{typed}：应为 {form}',
    hint: '详见 --help。',
  },
  'usage/value': {
    message: '{problem}',
    hint: '详见 --help。',
  },
  'usage/secret-visible': {
    message: '{flag}：本机的每个用户都能看到命令行上的机密；请改用 {form}',
    hint: '文件权限应为 0600。如果这是真正的机密，请更换它，因为其他用户可能已经看到。',
  },
  'usage/flags-exclude': {
    message: '{one} 和 {other} 不能同时使用：{reason}',
    hint: '请去掉其中一个。',
  },
  'usage/flag-needs': {
    message: '{flag} 需要 {needed}',
    hint: '请补上，或者去掉 {flag}。',
  },
  'usage/given-twice': {
    message: '{what} 给出了两次，而且值不同',
    hint: '请去掉其中一个。',
  },
  'usage/not-applicable': {
    message: '{typed} 在这里不适用：{reason}',
    hint: '{advice}',
  },
  'usage/one-at-a-time': {
    message: '{what} 一次只能修改一张证书，但给出了 "{one}" 和 "{other}"',
    hint: '请为每张证书各执行一次。',
  },
  'usage/nothing-to-change': {
    message: '没有可以用 {what} 修改的证书 "{name}"{nearest}',
    hint: '`certfleet status` 列出所有证书。要申请新证书，请用 -d 给出域名（-d {name}）。',
  },
  'usage/declared': {
    message: '"{name}" 在配置{where}中声明，只能在那里修改',
    hint: '请编辑配置{otherwise}。',
  },
  'usage/declared-solver': {
    message: '{flag} 不能修改 solver "{name}"，它在配置中声明',
    hint: '请在配置中修改它的选项，或者去掉 {flag}。',
  },
  'usage/provider-not-chosen': {
    message: '只有 {flag} 并不能选定 DNS 服务商，certbot 也是如此',
    hint: '请加上 --dns-{provider}。',
  },
  'usage/hook-missing': {
    message: '{typed}：{reason}',
    hint: '请改正程序的路径，或者用 --disable-hook-validation 跳过这项检查。',
  },
  'usage/file-unreadable': {
    message: '{typed}：{reason}',
    hint: '请检查路径，并确认当前用户可以读取该文件。',
  },
  'usage/place-unwritable': {
    message: '无法写入 {place}：{reason}',
    hint: '请换一个路径。',
  },
  'usage/place-taken': {
    message: '{place}：那里已有 {found}',
    hint: '请换一个路径，或者加上 --force 覆盖。',
  },
  'usage/place-untrusted': {
    message: '{place}：其他用户可以 {harm}（{reason}）',
    hint: '请选一个只有当前用户能写入的目录。',
  },
  'usage/place-in-store': {
    message: '{place} 在存储 {store} 里：{reason}',
    hint: '请选存储以外的路径。',
  },
  'usage/needs-terminal': {
    message: '{what} 需要终端',
    hint: '{advice}',
  },
  'usage/needs-yes': {
    message: '{what} 需要确认，但没有终端可以询问；未做任何改动',
    hint: '请加上 --yes 表示确认。',
  },
  'usage/not-confirmed': {
    message: '{what} 没有得到确认；未做任何改动',
    hint: '请再执行一次，并回答 `y` 确认。没有终端时，certfleet 不会询问。',
  },
  'usage/store-key-missing': {
    message: '{action} 需要 {key}',
    hint: '请用 --store-key file:/path 或 certfleet.yaml 的 `storeKey` 给出。',
  },
  'usage/password-unusable': {
    message: '无法使用这个密码：{reason}',
    hint: '请用 ASCII 字母、数字和标点组成密码。Java 和其他一些程序无法用别的密码打开 PKCS#12 文件。',
  },
  'usage/key-mismatch': {
    message: '私钥不属于这张证书：{reason}；没有吊销',
    hint: '请用 --key-path 给出这张证书的私钥，或者去掉 --key-path，用账户密钥签名。',
  },
  'usage/editor-failed': {
    message: '编辑器 `{editor}` {outcome}，所以未做任何改动{where}',
    hint: '请检查 $VISUAL 或 $EDITOR，或者用 `certfleet issue` 的参数修改设置。',
  },
  'usage/edit-invalid': {
    message: '设置无效，所以未做任何改动；{where}',
    hint: '每个问题都列在上面。请再次执行 `certfleet edit {name}`。',
  },
  'usage/timer-impossible': {
    message: '无法安装定时器：{reason}',
    hint: '{advice}',
  },
  'usage/timer-credential': {
    message: '定时器的服务需要 systemd 凭据 {name}，即存储密钥',
    hint: '请用 --credential {form} 给出它的文件；如果文件由 `systemd-creds encrypt` 生成，用 --encrypted-credential。',
  },
  'usage/control-character': {
    message: '{word}：定时器执行的命令不能包含换行或其他控制字符',
    hint: '请换一个没有这种字符的路径或值，或者把这项设置移到 certfleet.yaml。',
  },
  'usage/needs-root': {
    message: '{command} 会修改属于 root 的文件',
    hint: '请以 root 身份执行{otherwise}。',
  },
  'usage/no-path': {
    message: '{path} 没有内容',
    hint: '`/api/v1/openapi.json` 描述了 API 的所有路径。',
  },
  'usage/request': {
    message: '请求不符合 API 的要求：{problem}',
    hint: '`/api/v1/openapi.json` 描述了所有请求。',
  },
  'usage/no-length': {
    message: '请求没有说明长度',
    hint: '请发送 Content-Length 头。',
  },
  'usage/too-long': {
    message: '请求超过 {limit} 字节',
    hint: '请一次少发一些。',
  },
});
