/** For codes that cover several cases: what each case means and what to do, as paragraphs for `explain`. */
export const details = {
  'usage/invalid-value': [
    '某个参数的值形式不对：它应该是时长、日期、地址、端口之类。错误信息会显示输入的内容和应有的写法。什么都没有做。',
    '命令的帮助里有更多说明：加上 --help。',
  ],
  'usage/unknown-value': [
    '某个参数只接受几个固定的词，输入的不在其中。错误信息列出这些词，如果像是笔误，还会指出最接近的那个。什么都没有做。',
    '每个词的作用见命令的帮助：加上 --help。',
  ],
  'usage/unknown-name': [
    '错误信息说明查找的是什么：错误码、适配器或 CA。如果有名称相近的，会一并指出；下一行说明怎样列出全部。',
  ],
  'usage/not-applicable': [
    'certfleet 认识输入的内容，但它在这里没有意义：它属于另一条命令、另一个客户端或另一种 solver。错误信息说明原因，下一行说明该怎么办。之所以拒绝而不是忽略，是因为不起作用的参数会造成误解。',
  ],
  'usage/secret-visible': [
    '机器上的每个用户都能列出进程及其命令行，shell 也会把命令行记进历史。所以 certfleet 不在那里接受密码、密钥或令牌。请写出它的位置：`file:/path`（权限 0600 的文件），或者 `env:` 加上环境变量的名称。',
    '如果那是真正的机密，现在可能已被别人看到：请更换它。',
  ],
  'usage/place-untrusted': [
    'certfleet 写私钥和备份、在编辑器中打开设置，都只在其他用户不能读取、替换或移动的地方进行。只看目录本身的权限还不够：能写上级目录的用户，或者路径上某个链接的属主，可以把目录换成另一个。错误信息指出其他用户能改动什么。',
    '请选一个只有当前用户能写入的目录，例如家目录下的某个目录。',
  ],
  'usage/place-in-store': [
    '明文私钥、存储密钥和备份都不应放在存储里：存储的每个副本都会带上它，存储丢失时它也一起丢失。',
    '请指定存储以外的位置。',
  ],
  'usage/timer-impossible': [
    '如果装上的定时器不能运行，`certfleet install-timer` 就什么都不改：没有 systemd 和 cron；certfleet 没有固定的路径（npx 的缓存会被清空）；或者密钥无法由 cron 传递。它也从不替换不是自己写的文件。错误信息说明障碍是什么，下一行说明该怎么办。',
  ],
  'config/untrusted': [
    '配置指定了钩子和其他命令，所以只有 root 和运行 certfleet 的用户可以有写权限。`/etc/certfleet/certfleet.yaml` 会检查文件本身的属主和权限；用 --config 指定的文件不检查。',
    '`certfleet certbot` 读取的 `cli.ini` 总会检查，用参数指定时也一样，路径上的目录和链接也会检查。错误信息指出其他用户能改动什么，下一行说明怎样收回。',
  ],
  'preflight/no': [
    '下单之前，certfleet 会从本机检查 CA 将要检查的内容，不消耗 CA 的任何限额。错误信息说明是哪项检查证明 CA 会拒绝：',
    'CAA（RFC 8659）：域名或其上级的 CAA 记录只允许其他 CA、其他账户、其他验证方式，或者不允许通配符。请为这个 CA 添加记录，提示中给出了写法。',
    'HTTP-01，地址：权威服务器返回该域名不存在，或者没有地址。请添加 A 或 AAAA 记录。',
    'HTTP-01，公网路径：域名的某个公网地址在 80 端口上应答错误，例如 404，或者另一台服务器的页面。请让 http://NAME/.well-known/acme-challenge/ 在每个地址上（包括 IPv6）都通到 solver，或者去掉做不到的地址。用 webroot 时，请指定 Web 服务器真正为该域名提供的目录。',
    'DNS-01 有自己的错误码：`dns/zone-not-found` 和 `preflight/hides-wildcard`。',
    '超时或连接被拒绝不能证明什么，不会阻止下单；内网地址的错误应答也一样，除非指定了解析器。每个域名最多检查 16 个地址。',
    '如果 CA 能看到本机看不到的内容（路由器自己应答公网地址、内外网 DNS 分离），检查结果就是错的。这时执行 `certfleet issue NAME --ignore-preflight`（新证书请在原来的命令后加上 --ignore-preflight），或者用 --resolver 指定能看到同样内容的解析器。过了续期时间，`certfleet renew` 每天仍会向 CA 试一次，所以检查有误也不会让证书过期。',
  ],
  'acme/wrong-certificate': [
    'certfleet 在保存和部署之前，会检查下载的内容。证书必须使用为它生成的私钥，恰好包含所申请的域名，并且现在有效。证书链中的每张证书都必须由下一张签名，下一张必须是 CA 证书并且现在有效，链中不能有别的内容。最后一张可以由链中省略的根证书签名；客户端是否信任那个根证书，不作检查。',
    '没有中间证书的证书会被拒绝，因为公共 CA 总有中间证书，缺少它客户端就无法验证。如果自建 CA 直接用根证书签名、不发送证书链，请把根证书加到 issuer 的 `caFile`（或 --ca-file）指定的文件里。',
    '上一个版本继续使用，下次会用另一把私钥重新下单。',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;
