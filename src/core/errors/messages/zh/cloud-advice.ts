/** What adapters advise when a cloud, a DNS provider or a messenger refuses: those that readers of Chinese meet most. */
export const cloudAdvice: Readonly<Record<string, string>> = {
  'Set this machine’s clock (NTP): it is {span} ahead of {service}’s. They may differ by at most {most}.':
    '请校准本机时钟（NTP）：它比 {service} 快 {span}，最多允许相差 {most}。',
  'Set this machine’s clock (NTP): it is {span} behind {service}’s. They may differ by at most {most}.':
    '请校准本机时钟（NTP）：它比 {service} 慢 {span}，最多允许相差 {most}。',
  'Set this machine’s clock (NTP). They may differ by at most {most}.': '请校准本机时钟（NTP），最多允许相差 {most}。',
  '15 minutes': '15 分钟',
  'five minutes': '5 分钟',

  // Alibaba Cloud.
  'Check the AccessKey ID: it does not exist or is disabled. The RAM console lists the keys of each user.':
    '请检查 AccessKey ID：它不存在或已禁用。RAM 控制台列出每个用户的密钥。',
  'Check the AccessKey secret: it does not belong to this AccessKey ID.':
    '请检查 AccessKey Secret：它与 AccessKey ID 不匹配。',
  'Check the AccessKey secret: it does not belong to this AccessKey ID. Check `region`, too: it is signed.':
    '请检查 AccessKey Secret：它与 AccessKey ID 不匹配。也请检查参与签名的 `region`。',
  'The security token is expired or belongs to other keys. Give all three anew, or let the role of the instance give them.':
    '安全令牌已过期，或者属于其他密钥。请重新给出这三项，或者改用实例的角色。',
  'The RAM user or role lacks {right}. Add to its policy: {statement}':
    'RAM 用户或角色缺少 {right} 权限。请在它的权限策略中加上：{statement}',
  'Give accessKeyId and accessKeySecret, or `credentials: FILE`, or attach a RAM role to the ECS instance that certfleet runs on, or give the pod one (RRSA).':
    '请给出 accessKeyId 和 accessKeySecret，或者 `credentials: FILE`，或者为运行 certfleet 的 ECS 实例绑定 RAM 角色，或者为 Pod 配置角色（RRSA）。',
  'Check that RRSA is enabled for the cluster, and that the trust policy of the role names the OIDC provider, the namespace and the service account of this pod.':
    '请确认集群已启用 RRSA，并且角色的信任策略写明了 OIDC 提供商、命名空间和该 Pod 的服务账户。',
  'Put several names into one certificate, take off unused certificates, or have the quota raised, and set `certificateQuota`.':
    '请把多个域名合并到一张证书、从监听移除没有使用的证书，或者申请提高配额并设置 `certificateQuota`。',
  'The new certificate is on the listener, and the older one still beside it. `certfleet renew` takes the older one off.':
    '新证书已在监听上，旧证书也还在。`certfleet renew` 会移除旧证书。',
  'It does not find the certificate that was uploaded to CAS a moment ago. `certfleet renew` tries again; if this lasts, check `site`.':
    '找不到刚刚上传到数字证书管理服务的证书。`certfleet renew` 会再试；如果一直这样，请检查 `site`。',
  'Another certificate was set there meanwhile. `certfleet renew` looks again.':
    '期间那里换上了另一张证书。`certfleet renew` 会再查看。',
  'Bind the domain name to the bucket in the console, with a certificate.':
    '请在控制台把域名绑定到 Bucket，并配置证书。',

  // Tencent Cloud and DNSPod.
  'Check `secretId`: Tencent Cloud does not know it. Keys are made at {url} and begin with AKID; the ID and token of DNSPod’s own console belong in `id` and `token`.':
    '请检查 `secretId`：腾讯云没有这个密钥。密钥在 {url} 创建，以 AKID 开头；DNSPod 控制台的 ID 和 Token 应写在 `id` 和 `token` 中。',
  'Check `secretKey`: it does not belong to `secretId`.': '请检查 `secretKey`：它与 `secretId` 不匹配。',
  'Give `secretId`, `secretKey` and `sessionToken` anew: the temporary keys have expired, or do not belong together.':
    '请重新给出 `secretId`、`secretKey` 和 `sessionToken`：临时密钥已过期，或者不是同一组。',
  'The user of `secretId` lacks {right}. Add to its policy at {url}: {statement}':
    '`secretId` 的用户缺少 {right} 权限。请在 {url} 为它的策略加上：{statement}',
  'Give secretId and secretKey, or `credentials: FILE`, or attach a CAM role to the CVM instance that certfleet runs on.':
    '请给出 secretId 和 secretKey，或者 `credentials: FILE`，或者为运行 certfleet 的 CVM 实例绑定 CAM 角色。',
  'Check `id` and `token`, or `loginToken`: tokens are made at {url}.':
    '请检查 `id` 和 `token`，或 `loginToken`：Token 在 {url} 创建。',
  'Check `id` and `token`, or `loginToken`: DNSPod does not accept them. Tokens are made at {url}; a key that begins with AKID is one of Tencent Cloud and belongs in `secretId`.':
    '请检查 `id` 和 `token`，或 `loginToken`：DNSPod 不接受。Token 在 {url} 创建；以 AKID 开头的是腾讯云密钥，应写在 `secretId` 中。',

  // Huawei Cloud, Baidu, JD, Volcengine and Qiniu.
  'Check `accessKeyId` and `secretAccessKey`: {service} does not take this signature.':
    '请检查 `accessKeyId` 和 `secretAccessKey`：{service} 不接受这个签名。',
  'The user of `accessKeyId` lacks a permission for this call. Add it to the user’s policy at {url}, and check `projectId`.':
    '`accessKeyId` 的用户没有这次调用的权限。请在 {url} 为该用户的策略加上，并检查 `projectId`。',
  'The user of `accessKeyId` lacks {right}. Add it to the user’s policy at {url}, and check `projectId`.':
    '`accessKeyId` 的用户缺少 {right} 权限。请在 {url} 为该用户的策略加上，并检查 `projectId`。',
  'Give the `accessKeyId` of the account with this zone; with an account of the international site, set `region`.':
    '请使用该区域所在账号的 `accessKeyId`；国际站账号请设置 `region`。',
  'Give the user of `accessKeyId` the policy {policy}, at {url}.':
    '请在 {url} 为 `accessKeyId` 的用户授予策略 {policy}。',
  'Give the sub-user of `accessKeyId` the policy {policy} at {url}.':
    '请在 {url} 为 `accessKeyId` 的子用户授予策略 {policy}。',
  'Give the sub-user of `accessKeyId` the actions {actions} at {url}.':
    '请在 {url} 为 `accessKeyId` 的子用户授予操作 {actions}。',
  'Look at the records of this name in the console of {service}.': '请在 {service} 的控制台查看该名称的记录。',
  'Check `accessKeyId`: Baidu AI Cloud does not know it.': '请检查 `accessKeyId`：百度智能云没有这个密钥。',
  'Check `accessKeyId`: Volcengine does not know it, or it is disabled.':
    '请检查 `accessKeyId`：火山引擎没有这个密钥，或者它已禁用。',
  'Check `secretAccessKey`: it does not belong to `accessKeyId`.':
    '请检查 `secretAccessKey`：它与 `accessKeyId` 不匹配。',
  'Check `accessKeyId` and `secretAccessKey`.': '请检查 `accessKeyId` 和 `secretAccessKey`。',
  'Use the `accessKeyId` of the account that owns this domain.': '请使用拥有该域名的账号的 `accessKeyId`。',
  'Use the `accessKeyId` of the account that owns this zone, and check that its user has access to the zone’s project.':
    '请使用拥有该区域的账号的 `accessKeyId`，并确认该用户能访问区域所在的项目。',
  'Give `accessKeyId`, `secretAccessKey` and `sessionToken` anew: the temporary keys have expired.':
    '请重新给出 `accessKeyId`、`secretAccessKey` 和 `sessionToken`：临时密钥已过期。',
  'Check `accessKey` and `secretKey`: Qiniu does not take this signature.':
    '请检查 `accessKey` 和 `secretKey`：七牛云不接受这个签名。',
  'The keys must belong to the account, or to a user of it that may manage CDN and SSL certificates.':
    '密钥必须属于该账号，或者属于账号下有权管理 CDN 和 SSL 证书的用户。',
  'Alibaba Cloud': '阿里云',
  Tencent: '腾讯云',
  'Huawei Cloud': '华为云',
  'Huawei Cloud DNS': '华为云 DNS',
  'JD Cloud': '京东云',
  'JD Cloud DNS': '京东云 DNS',
  'Baidu AI Cloud': '百度智能云',
  TrafficRoute: '火山引擎云解析',
  'the account has no zone {zone}': '账号下没有区域 {zone}',
  'the account has no domain {zone}': '账号下没有域名 {zone}',

  // Servers of one's own, Cloudflare and AWS.
  'Check `keyName`, `secret` and `algorithm`, and what the server’s policy allows for this key.':
    '请检查 `keyName`、`secret` 和 `algorithm`，以及服务器的策略允许该密钥做什么。',
  'it is not signed, so anyone could have sent it': '应答没有签名，可能是任何人发送的',
  'it is signed with another key': '应答用另一把密钥签名',
  'it is signed with another algorithm': '应答用另一种算法签名',
  'its signature is wrong': '应答的签名不对',
  'it was signed too long ago, or in the future': '应答的签名时间过早，或者在未来',
  'the answer is malformed': '应答格式不对',
  'Check {token}: Cloudflare does not accept it, or it lacks the permission Zone → Zone → Read. Tokens are made at {url}.':
    '请检查 {token}：Cloudflare 不接受它，或者它缺少 Zone → Zone → Read 权限。令牌在 {url} 创建。',
  '{token} has no access to a zone {zone}': '{token} 无权访问区域 {zone}',
  'Check that {zone} is in this Cloudflare account, and add it to the zones of {token} at {url}.':
    '请确认 {zone} 在这个 Cloudflare 账户中，并在 {url} 把它加到 {token} 的区域里。',
  'Give {token} the permission Zone → DNS → Edit for {zone} at {url}.':
    '请在 {url} 授予 {token} 对 {zone} 的 Zone → DNS → Edit 权限。',
  'Give {token} the permission Zone → DNS → Edit for {zone}: it may not even read the records.':
    '请授予 {token} 对 {zone} 的 Zone → DNS → Edit 权限：它连读取记录的权限都没有。',
  'Check the secret access key (secretAccessKey): it does not belong to this access key id.':
    '请检查 “Secret Access Key” (secretAccessKey)：它与 “Access Key ID” 不匹配。',
  'Check `accessKeyId`, `secretAccessKey` and what they may do.': '请检查 `accessKeyId`、`secretAccessKey` 及其权限。',
  'Check `hostedZoneId`: the account of these keys has no such zone.':
    '请检查 `hostedZoneId`：该账户下没有这个托管区。',

  // Notifiers.
  'Check `url` and `secret`, and the security settings of the robot.':
    '请检查 `url` 和 `secret`，以及机器人的安全设置。',
  'Check `url` and `secret`, and the security settings of the bot.': '请检查 `url` 和 `secret`，以及机器人的安全设置。',
  'Check `secret`, the clock of this machine, and the keywords and addresses that the robot allows.':
    '请检查 `secret`、本机时钟，以及机器人允许的关键词和 IP 地址。',
  'Check `secret`, and the clock of this machine.': '请检查 `secret` 和本机时钟。',
  'Copy `url` again: the robot does not exist or was removed.': '请重新复制 `url`：机器人不存在或已删除。',
  'Copy `url` again: the bot does not exist or was removed.': '请重新复制 `url`：机器人不存在或已删除。',
  'Copy `url` again: the robot is no longer in the group.': '请重新复制 `url`：机器人已不在群里。',
  'Copy `url` again: the token in it is wrong.': '请重新复制 `url`：其中的令牌不对。',
  'Add the address of this machine to those that the bot allows.': '请把本机地址加入机器人的 IP 白名单。',
  'Add certfleet to the keywords of the bot, or choose the signature in place of them.':
    '请把 certfleet 加入机器人的关键词，或者改用签名校验。',
  'Check `url`.': '请检查 `url`。',
  'Check `url`, and create another webhook if this one was removed.': '请检查 `url`；如果 Webhook 已删除，请重新创建。',
  'Create another webhook: this one was removed or switched off.': '请重新创建 Webhook：它已删除或停用。',
  'Create another webhook: the workspace does not exist.': '请重新创建 Webhook：工作区不存在。',
  'Ask an administrator of the workspace: a rule forbids this webhook to post there.':
    '请联系工作区管理员：有规则禁止这个 Webhook 在那里发消息。',
  'Check `token` and `chat`.': '请检查 `token` 和 `chat`。',
  'Check `chat` and `thread`, and that the bot is a member of the chat.':
    '请检查 `chat` 和 `thread`，并确认机器人在会话中。',
  'Copy `token` again: BotFather shows it, and may have revoked this one.':
    '请从 BotFather 重新复制 `token`：它可能已被撤销。',
  'Copy `token` again: it is not complete.': '请重新复制 `token`：它不完整。',
  'Add the bot to the chat, and let it write there; a person must write to it first.':
    '请把机器人加入会话并允许它发消息；与个人对话时，要由对方先发消息。',
  'Correct `url`, `body` or the headers.': '请改正 `url`、`body` 或请求头。',
  'Check `host`, `port` and `security`, and whether the server lets this machine in.':
    '请检查 `host`、`port` 和 `security`，以及服务器是否允许本机连接。',
  'Check `host` and `port`. If the server has a private CA, name its root in `caFile`; if it knows no encryption, set `security: none`.':
    '请检查 `host` 和 `port`。服务器使用私有 CA 时，请在 `caFile` 中指定根证书；服务器不支持加密时，请设置 `security: none`。',
  'Check `username` and `password`; many services want a password made for programs.':
    '请检查 `username` 和 `password`；很多邮箱服务要求使用授权码。',
  'Set `from` to an address that this login may use.': '请把 `from` 设为该登录用户可以使用的地址。',
  'Check `to`.': '请检查 `to`。',
  'Ask the administrator of the mail server.': '请联系邮件服务器的管理员。',
};
