import { adapterReasons } from './adapter-reasons.ts';
import { answerReasons } from './answer-reasons.ts';
import { balancerReasons } from './balancer-reasons.ts';
import { cloudAdvice } from './cloud-advice.ts';
import { credentialReasons } from './credential-reasons.ts';
import { dnsAdvice } from './dns-advice.ts';
import { findings } from './findings.ts';
import { folderReasons } from './folder-reasons.ts';
import { issuerFacts } from './issuer-facts.ts';
import { networkReasons } from './network-reasons.ts';
import { pathFindings } from './path-findings.ts';
import { settingsPhrases } from './settings-phrases.ts';
import { storeReasons } from './store-reasons.ts';
import { targetReasons } from './target-reasons.ts';
import { targetStates } from './target-states.ts';
import { trialFindings } from './trial-findings.ts';

/**
 * What certfleet itself says within messages and hints: reasons, findings and advice, as the code writes them. A text
 * that is not here, such as what a CA or a cloud says, stays as it is.
 */
export const phrases: Readonly<Record<string, string>> = {
  ...settingsPhrases,
  ...findings,
  ...pathFindings,
  ...trialFindings,
  ...targetStates,
  ...adapterReasons,
  ...cloudAdvice,
  ...answerReasons,
  ...balancerReasons,
  ...credentialReasons,
  ...dnsAdvice,
  ...issuerFacts,
  ...networkReasons,
  ...folderReasons,
  ...storeReasons,
  ...targetReasons,
  // Reasons of systems (`reasonOf`).
  'connection refused': '连接被拒绝',
  'the connection was closed': '连接被关闭',
  'timed out': '超时',
  'no route to host': '没有到该主机的路由',
  'network unreachable': '网络不可达',
  'the host name does not exist': '主机名不存在',
  'the host name could not be looked up': '无法查询主机名',
  'permission denied': '权限不足',
  'operation not permitted': '操作不被允许',
  'the file system is read-only': '文件系统是只读的',
  'no space left on the disk': '磁盘空间已满',
  'the disk quota is used up': '磁盘配额已用完',
  'no such file or folder': '没有这个文件或目录',
  'not a folder': '不是目录',
  'it is a folder': '它是目录',
  'the port is in use': '端口已被占用',
  'this machine does not have that address': '本机没有这个地址',

  // What to do about a problem of a CA (`problem-advice.ts`).
  'The CA does not know this account key; the next attempt registers it again.':
    'CA 不认识这把账户密钥；下次会重新注册。',
  'Another order has already renewed this certificate; the next attempt omits `replaces`.':
    '另一个订单已经续期了这张证书；下次不再带 `replaces`。',
  'The CA does not accept this certificate request; its message names the identifier or key that it objects to.':
    'CA 不接受这个证书请求；它的信息指出了有问题的域名或密钥。',
  'The CA does not accept this kind of key: choose another with --key-type, or with `keyType` in certfleet.yaml.':
    'CA 不接受这种密钥：请用 --key-type 或 certfleet.yaml 的 `keyType` 换一种。',
  'The CA does not accept the algorithm of this account key; ES256 is accepted by all known CAs.':
    'CA 不接受这把账户密钥的算法；已知的 CA 都接受 ES256。',
  'The CA’s message gives the reason for each identifier.': 'CA 的信息给出了每个域名的原因。',
  'The CA could not connect: open the port to the whole internet, over both IPv4 and IPv6.':
    'CA 无法连接：请对整个互联网开放该端口，IPv4 和 IPv6 都要。',
  'Check that port {port} of every address of this name leads to {place} from the whole internet.':
    '请确认从整个互联网访问这个域名的每个地址的 {port} 端口，都能到达{place}。',
  'the solver': ' solver',
  'the web server that serves the webroot': '提供该 webroot 的 Web 服务器',
  'a proxy that has the configuration of `certfleet stateless`': '带有 `certfleet stateless` 所给配置的代理',
  'Check the delegation and DNSSEC of the zone, and that each of its name servers returns the TXT record to the whole internet.':
    '请检查区域的委派和 DNSSEC，并确认它的每台权威服务器都向整个互联网返回这条 TXT 记录。',
  'The CA could not look up the name: check the delegation, DNSSEC, and that every name server of its zone answers.':
    'CA 无法查询这个域名：请检查委派和 DNSSEC，并确认区域的每台权威服务器都有应答。',
  'Get an EAB key ID and key from the CA, and give them with --eab-kid and --eab-hmac-key, or as `eab` on the issuer.':
    '请向 CA 获取 EAB key ID 和密钥，用 --eab-kid 和 --eab-hmac-key 或 issuer 的 `eab` 给出。',
  'The CA received a response that does not match the challenge: check which server answers for this name.':
    'CA 收到的应答与验证不符：请检查是哪台服务器在为这个域名应答。',
  'The CA does not accept this e-mail address: correct `email` on the issuer, or leave it out.':
    'CA 不接受这个邮箱地址：请改正 issuer 的 `email`，或者去掉它。',
  'The CA does not offer this `profile`: leave it out, or choose one that its directory lists.':
    'CA 不提供这个 `profile`：请去掉它，或者选择目录中列出的一个。',
  'The CA did not understand the request; if its message names an identifier, correct that one.':
    'CA 无法理解这个请求；如果它的信息指出了某个域名，请改正它。',
  'The order was not ready to be finalized; the next attempt checks it again.': '订单还不能完成；下次会再检查。',
  'Wait until the limit resets.': '请等限制解除。',
  'The CA’s policy excludes this identifier: remove the identifier, or use another CA for it.':
    'CA 的政策不允许这个域名：请去掉它，或者为它换一家 CA。',
  'The CA had an internal error; the next attempt may succeed.': 'CA 内部出错；下次可能成功。',
  'The CA could not complete a TLS handshake with this name: check what listens on port 443.':
    'CA 无法与这个域名完成 TLS 握手：请检查是什么在监听 443 端口。',
  'If a validation failed, check that the name points to the server that answers the challenge; otherwise, the account is not allowed to do this.':
    '如果是验证失败，请确认域名指向应答验证的服务器；否则就是账户没有权限这样做。',
  'The CA does not accept this kind of contact: correct `email` on the issuer, or leave it out.':
    'CA 不接受这种联系方式：请改正 issuer 的 `email`，或者去掉它。',
  'The CA does not issue for this kind of identifier.': 'CA 不为这种标识签发证书。',
  'You must act: read the page that the CA names, for example its new terms of service.':
    '需要人工处理：请阅读 CA 给出的网页，例如新的服务条款。',
  'See the CA’s message; its documentation explains this kind of refusal.': '请看 CA 的信息；它的文档解释了这种拒绝。',
  'A CAA record forbids this CA from issuing: add {record} to the existing records.':
    'CAA 记录禁止这个 CA 签发：请在现有记录之外添加 {record}。',
  'an `issue` record with the CA’s name (its documentation gives it)': '一条带有 CA 名称（见其文档）的 `issue` 记录',
  'This CA may not accept orders that set when a certificate begins or ends: leave out `notBefore` and `notAfter` (--not-before none, --not-after none).':
    '这个 CA 可能不接受指定起止时间的订单：请去掉 `notBefore` 和 `notAfter`（--not-before none、--not-after none）。',

  // Findings of the preflight, and what to do about them.
  '{name} does not exist in the DNS': 'DNS 中没有 {name}',
  '{name} has neither an A nor an AAAA record': '{name} 既没有 A 记录也没有 AAAA 记录',
  'Add an A or AAAA record for {name}.': '请为 {name} 添加 A 或 AAAA 记录。',
  '{url} at {address} returns a different body{why}': '{url} 在 {address} 返回的内容不对{why}',
  '{url} at {address} returns status {status} (no healthy backend: health check of the load balancer)':
    '{url} 在 {address} 返回状态码 {status}（没有健康的后端：负载均衡的健康检查）',
  '{url} at {address} returns status {status}': '{url} 在 {address} 返回状态码 {status}',
  '{address} did not answer on port {port}: {reason}': '{address} 的 {port} 端口没有应答：{reason}',
  '{address} redirects more than {limit} times': '{address} 重定向超过 {limit} 次',
  '{address} redirects to {to}': '{address} 重定向到 {to}',
  'the CAA records of {name} allow {shown}, for another account': '{name} 的 CAA 记录允许 {shown}，但限定了另一个账户',
  'the CAA records of {name} allow {shown}, without {methods}': '{name} 的 CAA 记录允许 {shown}，但不包括 {methods}',
  'the CAA records of {name} allow {shown}, not {ca}': '{name} 的 CAA 记录允许 {shown}，不允许 {ca}',
  'the CAA records of {name} could not be read: {reason}': '无法读取 {name} 的 CAA 记录：{reason}',
  '{where} does not speak {protocol}': '{where} 不支持 {protocol}',
  '{where} did not complete a TLS handshake: {reason}': '{where} 没有完成 TLS 握手：{reason}',

  // Where a target stands.
  'a target went back to the previous version': '有一个目标退回了上一个版本',
  'the store has no previous version': '存储里没有上一个版本',
  'the previous version {why}': '上一个版本{why}',
  'has a compromised key': '的密钥已泄露',
  'was revoked on {date} ({reason})': '已于 {date} 吊销（{reason}）',
  'expired on {date}': '已于 {date} 过期',
  'the previous version differs from the current settings in its {what}': '上一个版本与当前设置在以下方面不同：{what}',
  '`certfleet renew` tries it again after {at}.': '`certfleet renew` 在 {at} 之后再试。',
  '`certfleet renew` tries each of them again.': '`certfleet renew` 会逐一再试。',
  'To try now, run `certfleet issue {name}`.': '要立即再试，执行 `certfleet issue {name}`。',
  'Run it again then. `certfleet limits` shows what is left.': '请到时再执行。`certfleet limits` 显示还剩多少。',
  'waiting for {targets}': '等待 {targets}',

  // Alarms (`conditions.ts`, `missing-nodes.ts`).
  '{certificate} has failed, and only a person can mend that: {why}': '{certificate} 失败，需要人工解决：{why}',
  '{certificate} has failed {count} times: {why}': '{certificate} 已失败 {count} 次：{why}',
  '{certificate} cannot be renewed: {why}': '{certificate} 无法续期：{why}',
  '{name} expires at {notAfter}, and {planned}': '{name} 将于 {notAfter} 过期，{planned}',
  '{name} expired at {notAfter}, and {planned}': '{name} 已于 {notAfter} 过期，{planned}',
  'should have been renewed at {at}; it is {paused}': '本应在 {at} 续期；{paused}',
  'can be renewed since {at}; it is {paused}': '{at} 起可以续期；{paused}',
  'paused by {by} since {at} ({why})': '已由 {by} 于 {at} 暂停（{why}）',
  'paused by {by} since {at}': '已由 {by} 于 {at} 暂停',
  'Until it is resumed (`certfleet resume {name}`), it is neither renewed nor delivered.':
    '恢复之前（`certfleet resume {name}`）不续期，也不部署。',
  'should have been renewed at {at}; its last try failed: {why}': '本应在 {at} 续期；最近一次尝试失败：{why}',
  'should have been renewed at {at}': '本应在 {at} 续期',
  'can be renewed since {at}; its last try failed: {why}': '{at} 起可以续期；最近一次尝试失败：{why}',
  'can be renewed since {at}': '{at} 起可以续期',
  '{name} expires at {at} and is not renewed, because {why}, but it is still at {where}':
    '{name} 将于 {at} 过期并且不再续期（{why}），但仍部署在 {where}',
  '{name} expired at {at} and is not renewed, because {why}, but it is still at {where}':
    '{name} 已于 {at} 过期并且不再续期（{why}），但仍部署在 {where}',
  'its settings were lost': '它的设置已丢失',
  'it is no longer declared': '不再声明',
  '{name} is rate limited until {until}, but expires at {notAfter}':
    '{name} 受速率限制，{until} 之前不能下单，但在 {notAfter} 就过期',
  '{target} of node {node} has been without the new certificate of {certificate} since {since}: {why}':
    '节点 {node} 的 {target} 自 {since} 起缺少 {certificate} 的新证书：{why}',
  '{target} has been without the new certificate of {certificate} since {since}: {why}':
    '{target} 自 {since} 起缺少 {certificate} 的新证书：{why}',
  '{target} has been without the new certificate of {certificate} since {since}':
    '{target} 自 {since} 起缺少 {certificate} 的新证书',
  '{issuer} asks to renew certificates early, such as {certificate}, because of an incident: {url}':
    '{issuer} 因一起事故要求提前续期证书，例如 {certificate}：{url}',
  'node {node} cannot use the store, so it may renew nothing: {why}':
    '节点 {node} 无法使用存储，可能什么都不会续期：{why}',
  'node {node} has refused its configuration, and goes on with the one of before: {why}':
    '节点 {node} 拒绝了它的配置，继续使用之前的配置：{why}',
  'node {node} answers no health checks and metrics where its configuration says: {why}':
    '节点 {node} 没有在配置指定的位置应答健康检查和指标：{why}',
  'the node {node} is missing: its last run began at {at}, and it usually runs every {span}':
    '节点 {node} 失踪：最近一次运行始于 {at}，平时每 {span} 运行一次',
  'the node {node} is missing: its last run began at {at}': '节点 {node} 失踪：最近一次运行始于 {at}',
  'the node {node} is missing: `{command}` gave its last sign of life there at {at}':
    '节点 {node} 失踪：那里的 `{command}` 最后一次心跳在 {at}',
  'Only a person can renew it: run `certfleet issue {name}`.': '只有人才能续期：执行 `certfleet issue {name}`。',
  'Check that `certfleet run` or the timer of `renew` still runs.':
    '请确认 `certfleet run` 或 `renew` 的定时器仍在运行。',
  '`certfleet show {name}` says more.': '详见 `certfleet show {name}`。',
  'Declare it again or, if nothing uses it any more, run `certfleet delete {name} --force`.':
    '请重新声明；如果已不再使用，执行 `certfleet delete {name} --force`。',
  '`certfleet limits` shows what has used the limit up.': '`certfleet limits` 显示限额用在了哪里。',
  'Ask the CA for a higher limit, or use another CA.': '请向 CA 申请放宽限制，或者换一家 CA。',
  'certfleet tries it again by itself.': 'certfleet 会自动再试。',
  'certfleet renews them by itself.': 'certfleet 会自动续期。',
  'Read the page: you may have to do more.': '请阅读该网页：可能还需要做别的。',
  'Free that place, or correct `listen` in the configuration; it tries again every few seconds.':
    '请腾出那个位置，或者改正配置中的 `listen`；每隔几秒会再试。',
  'Start `{command}` there again or, if the node is gone for good, run `certfleet node forget {node}`.':
    '请在那里重新启动 `{command}`；如果节点永远不再使用，执行 `certfleet node forget {node}`。',

  // Advice of adapters.
  'Check the settings of this balancer, its credentials and their permissions.':
    '请检查这个负载均衡的设置、凭据和权限。',
  'Check `username` and `password` of the solver in certfleet.yaml.':
    '请检查 certfleet.yaml 中 solver 的 `username` 和 `password`。',
  'Look at the records of {zone} at {page}.': '请在 {page} 查看 {zone} 的记录。',
  'The server’s log may say why.': '服务器的日志可能有原因。',

  // The audit log.
  'and {count} more before it': '之前还有 {count} 次',

  // What was typed.
  '; did you mean "{word}"?': '；是不是 "{word}"？',
  '`certfleet providers` lists all of them.': '`certfleet providers` 列出全部。',
  '`certfleet explain` lists all of them.': '`certfleet explain` 列出全部。',
  'error code': '错误码',
  'en or zh': 'en 或 zh',
};
