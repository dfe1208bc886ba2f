/** Why the network, a file or what a CA answers cannot be used (`lib/`, `acme/`, `x509/`). */
export const networkReasons: Readonly<Record<string, string>> = {
  // Connections.
  'this machine': '本机',
  'no connection within {seconds} s': '{seconds} 秒内没有建立连接',
  'no complete answer within {seconds} s': '{seconds} 秒内没有完整的应答',
  'the server showed no certificate': '服务器没有出示证书',
  'the connection was closed during the handshake': '连接在握手期间被关闭',
  'it contains no PEM certificate': '它不含 PEM 证书',
  'a certificate in it is damaged': '其中有一张证书已损坏',
  'this is not an http(s) URL': '这不是 http(s) URL',
  'its certificate {state} by this machine’s clock ({time})': '按本机时钟（{time}），它的证书{state}',
  'is not valid yet': '尚未生效',
  'has expired': '已过期',
  'no answer in time': '没有及时应答',
  'the exchange has ended': '交换已结束',
  'the answer is not HTTP': '应答不是 HTTP',
  'no TLS connection could be made (is it an https server?)': '无法建立 TLS 连接（它是 https 服务器吗？）',
  'the proxy answered {status} to CONNECT': '代理对 CONNECT 应答 {status}',
  'the proxy {proxy}: {reason}': '代理 {proxy}：{reason}',
  '{reason} (through the proxy {proxy})': '{reason}（经由代理 {proxy}）',

  // Files.
  'other users could replace it: {reason}; name a file in another folder':
    '其他用户可以替换它：{reason}；请指定另一个目录中的文件',
  'it is not a regular file, and {reason}; name another file, or remove it':
    '它不是普通文件，而且{reason}；请指定另一个文件，或者移走它',
  'it belongs to user {user}, who could read and change the log; name another file, or remove it':
    '它属于用户 {user}，该用户可以读取和修改日志；请指定另一个文件，或者移走它',
  'it is a symbolic link of user {user}, which could lead the log into any file; name another file, or remove it':
    '它是用户 {user} 的符号链接，可能把日志引到任何文件；请指定另一个文件，或者移走它',
  '{path} is a symbolic link of user {user}, which could lead the log into any file; name another file, or remove it':
    '{path} 是用户 {user} 的符号链接，可能把日志引到任何文件；请指定另一个文件，或者移走它',
  'it is a pipe that no program reads': '它是没有程序读取的管道',
  '{path} belongs to user {user}, who could replace what is written there: give it to root (chown root {place}), or run certfleet as its owner':
    '{path} 属于用户 {user}，该用户可以替换写在那里的内容：请把属主改为 root (chown root {place})，或者以它的属主运行 certfleet',
  '{path} belongs to user {user}, who could replace what is written there: give it to root or to user {owner}, or run certfleet as its owner':
    '{path} 属于用户 {user}，该用户可以替换写在那里的内容：请把属主改为 root 或用户 {owner}，或者以它的属主运行 certfleet',
  '{path} is a symbolic link of user {user}, which could lead files elsewhere: {remedy}':
    '{path} 是用户 {user} 的符号链接，文件可能被引到别处：{remedy}',
  '{path} was made to lead elsewhere while it was opened: find out who changes it':
    '{path} 在打开时被改为指向别处：请查明是谁在修改它',
  'make it a folder': '请把它改为目录',
  'it must lead to a folder of user {user}, who owns {path}, but {place} belongs to user {owner}; make it a folder':
    '它必须指向 {path} 的属主、用户 {user} 的目录，而 {place} 属于用户 {owner}；请把它改为目录',
  'remove it, and name the folder that the files are to go to': '请移走它，并指定文件要写入的目录',
  'it is larger than {count} MiB': '它超过 {count} MiB',
  'it is larger than {count} bytes': '它超过 {count} 字节',
  'it is a symbolic link of root; remove it, or put a regular file there':
    '它是 root 的符号链接；请移走它，或者换成普通文件',
  'it is a symbolic link of user {user}; remove it, or put a regular file there':
    '它是用户 {user} 的符号链接；请移走它，或者换成普通文件',
  'it is a pipe of root; remove it, or put a regular file there': '它是 root 的管道；请移走它，或者换成普通文件',
  'it is a pipe of user {user}; remove it, or put a regular file there':
    '它是用户 {user} 的管道；请移走它，或者换成普通文件',
  'it is not a regular file of root; remove it, or put a regular file there':
    '它不是 root 的普通文件；请移走它，或者换成普通文件',
  'it is not a regular file of user {user}; remove it, or put a regular file there':
    '它不是用户 {user} 的普通文件；请移走它，或者换成普通文件',
  '/{path} can be read by other users': '其他用户可以读取 /{path}',

  '{path}, which belongs to user {user}, can be changed by its group': '{path} 属于用户 {user}，它的组可以修改',
  '{path}, which belongs to user {user}, can be changed by every user': '{path} 属于用户 {user}，任何用户都可以修改',
  '{path}, which belongs to {owner}, can be changed by its group': '{path} 属于 {owner}，它的组可以修改',
  '{path}, which belongs to {owner}, can be changed by every user': '{path} 属于 {owner}，任何用户都可以修改',
  '/{path} belongs to user {user}': '/{path} 属于用户 {user}',
  'there is no such file': '没有这个文件',
  'it cannot be loaded: {reason}': '无法加载：{reason}',
  'Set $VISUAL or $EDITOR to an editor that does not need one.': '请把 $VISUAL 或 $EDITOR 设为不需要终端的编辑器。',
  'Name another folder: TMPDIR=/var/tmp': '请指定另一个目录：TMPDIR=/var/tmp',
  'change what you edit there': '修改在那里编辑的内容',
  '; what you wrote is in {file} until you delete it': '；写下的内容保留在 {file}，直到手动删除',
  'ended with {status}': '以 {status} 结束',
  'has removed the file': '删除了文件',

  // DNS.
  'this machine has no resolver': '本机没有解析器',
  'it has no NS record': '它没有 NS 记录',
  'no address of {names} and of {count} more was found': '没有找到 {names} 以及另外 {count} 台的地址',
  'no address of {names} was found': '没有找到 {names} 的地址',
  'it is the last of {count} delegations, and refers to yet another server':
    '它是 {count} 级委派中的最后一级，却又指向另一台服务器',
  'all servers together took longer than {seconds} s': '全部服务器合计超过 {seconds} 秒',
  'the search for a wildcard took longer than {seconds} s': '查找通配符记录超过 {seconds} 秒',
  'the vantage point {name} answers {code}': '观测点 {name} 应答 {code}',
  'the vantage point {name} does not see it yet': '观测点 {name} 还看不到它',
  'the vantage point {name} does not answer': '观测点 {name} 没有应答',
  'the vantage point {name} cannot be asked: {reason}': '无法查询观测点 {name}：{reason}',
  'ignoreNameservers lists all of them': 'ignoreNameservers 列出了全部服务器',
  'Check the zone transfers, and that these servers belong to the zone.':
    '请检查区域传送，并确认这些服务器属于该区域。',
  'If {servers} is gone for good, remove the NS record, since the CA may ask there, too; or name it in the solver: `ignoreNameservers: [{names}]`.':
    '如果 {servers} 永远不再使用，请删除 NS 记录，因为 CA 也可能查询它；或者写在 solver 中：`ignoreNameservers: [{names}]`。',
  'If {servers} are gone for good, remove the NS record, since the CA may ask there, too; or name it in the solver: `ignoreNameservers: [{names}]`.':
    '如果 {servers} 永远不再使用，请删除 NS 记录，因为 CA 也可能查询它们；或者写在 solver 中：`ignoreNameservers: [{names}]`。',
  'Check whether the zone answers otherwise there (DNS views, lines by region), give it more time with `timeout`, or take the resolver out of `vantagePoints`.':
    '请检查该区域在那里的应答是否不同（DNS 视图、分地域线路）、用 `timeout` 多等一些时间，或者从 `vantagePoints` 中去掉这个解析器。',
  'If another provider hosts {zone}, declare a solver for that provider, and name the solver here: `zones: { {name}: SOLVER }`.':
    '如果 {zone} 托管在另一家服务商，请为它声明 solver，并在这里指定：`zones: { {name}: SOLVER }`。',
  '{reason}; something may have been written before that': '{reason}；在那之前可能已写入部分内容',
  'it ends too early': '它提前结束',
  'it has several questions': '它有多个问题',
  'it has {count} records, and more than {most} are not read': '它有 {count} 条记录，超过 {most} 条的不读取',
  'a record in it cannot be read': '其中有一条记录无法读取',
  'an address in it cannot be read': '其中有一个地址无法读取',
  'it is not a valid DNS name': '它不是有效的 DNS 名称',
  'it sent a malformed answer ({reason})': '它的应答格式不对（{reason}）',
  '"{text}" is not an IP address': '"{text}" 不是 IP 地址',
  '{count} datagrams came that do not answer the question': '收到 {count} 个与问题不符的数据报',
  'the answer belongs to another question': '应答属于另一个问题',
  'the connection was closed before the answer': '连接在应答之前被关闭',
  'a label of "{name}" is longer than 63 octets': '"{name}" 的一个标签超过 63 字节',
  '"{name}" is longer than 255 octets': '"{name}" 超过 255 字节',
  'the texts in it are too long': '其中的文本过长',
  'a name in it has a pointer that leads nowhere': '其中一个名称的指针没有指向任何位置',
  'a name in it is too long': '其中一个名称过长',

  // Accounts that stay.
  'it is open': '它仍然有效',
  'To close it at the CA, run `certfleet account deactivate`.': '要在 CA 停用它，执行 `certfleet account deactivate`。',
  'certificates of this store use it: {names}': '本存储的证书在使用它：{names}',
  'Remove them first (`certfleet delete NAME`), or give them another account (`certfleet issue NAME --account NAME`).':
    '请先删除它们 (`certfleet delete NAME`)，或者换用另一个账户 (`certfleet issue NAME --account NAME`)。',
  'the CA cannot say whether it knows the key: {reason}': 'CA 无法确认是否认识这把密钥：{reason}',
  'the CA has opened it, as {url}': 'CA 已开通它，地址为 {url}',
  'Try again later.': '请稍后再试。',
  'If the CA is gone, --force removes the account without asking.':
    '如果 CA 已不存在，--force 会不经询问直接删除账户。',

  // Answers of CAs, and what they are about.
  'the account’s new contacts': '账户的新联系方式',
  'the account’s new key': '账户的新密钥',
  'the end of the account': '账户的停用',
  'the end of the authorization': '授权的停用',
  'the account': '账户',
  'the new order': '新订单',
  'the order': '订单',
  'the challenge': '验证',
  'the revocation': '吊销',
  'the alternate chain': '备用证书链',
  'the request for its directory': '对其目录的请求',
  'the request for a nonce': '对 nonce 的请求',
  'the request for renewal information': '对续期建议的请求',
  'the request for the certificate': '对证书的请求',
  'the request for the order': '对订单的请求',
  'the request for the authorization': '对授权的请求',
  'the request to finalize the order': '完成订单的请求',
  'the status of the account': '账户的状态',
  'the status of the authorization': '授权的状态',
  'the status of the order': '订单的状态',
  'the authorization’s challenges': '授权的验证',
  'the order’s identifiers': '订单的标识',
  'the order’s authorizations': '订单的授权',
  'the order’s finalize': '订单的 finalize',
  'the order’s certificate': '订单的证书',
  'the token of the {type} challenge is not base64url': '{type} 验证的令牌不是 base64url',
  'the URL of the {type} challenge': '{type} 验证的 URL',
  'the status of the {type} challenge': '{type} 验证的状态',
  'the Location of {what} is missing': '缺少{what}的 Location',
  'the Location of {what}': '{what}的 Location',
  'there are {count} of {what}; at most {most} are allowed': '{what}有 {count} 个；最多允许 {most} 个',
  '{what} has {count} characters; at most {most} are allowed': '{what}有 {count} 个字符；最多允许 {most} 个',
  'replace the key of an account': '更换账户密钥',
  'there is no certificate to revoke': '没有可以吊销的证书',
  'an account key must be EC (P-256, P-384, P-521), RSA or Ed25519':
    '账户密钥必须是 EC（P-256、P-384、P-521）、RSA 或 Ed25519',
  'the content type is missing, not application/json': '缺少内容类型，应为 application/json',
  'the content type is {type}, not application/json': '内容类型为 {type}，应为 application/json',
  'the content type is missing, not application/pem-certificate-chain':
    '缺少内容类型，应为 application/pem-certificate-chain',
  'the content type is {type}, not application/pem-certificate-chain':
    '内容类型为 {type}，应为 application/pem-certificate-chain',
  'the body is not JSON': '内容不是 JSON',
  'the body is not a JSON object': '内容不是 JSON 对象',
  'no reason given ({type}) [{names}]; it accepts {list}': '没有说明原因（{type}）[{names}]；它接受 {list}',
  'no reason given ({type}); it accepts {list}': '没有说明原因（{type}）；它接受 {list}',
  'no reason given ({type})': '没有说明原因（{type}）',
  'an identifier is neither a DNS name nor an IP address': '有一个标识既不是 DNS 名称，也不是 IP 地址',
  'the order has no certificate': '订单没有证书',
  'a valid order has no certificate': '有效的订单没有证书',
  'the suggested window is missing': '缺少建议的续期时段',
  'the suggested window ends before it starts': '建议的续期时段结束早于开始',
  'the {field} of the suggested window is not an RFC 3339 time': '建议的续期时段的 {field} 不是 RFC 3339 时间',
  'it contains no nonce': '它不含 nonce',
  'it contains no certificate': '它不含证书',
  'it has {count} certificates; at most {most} are allowed': '它有 {count} 张证书；最多允许 {most} 张',
  'a certificate cannot be read': '有一张证书无法读取',
  'it has another structure than a certificate': '它的结构不是证书',
  'it comes alone, without the certificate of {issuer} that signed it; if that is the root of a CA of your own, add it to the `caFile` of the issuer':
    '它单独返回，没有为它签名的 {issuer} 的证书；如果那是自建 CA 的根证书，请把它加到 issuer 的 `caFile`',
  '{name}, which follows the certificate itself in its chain, did not sign it':
    '证书链中紧随证书的 {name} 没有为它签名',
  '{name}, which follows {other} in its chain, did not sign it': '证书链中紧随 {other} 的 {name} 没有为它签名',
  '{name} in its chain is not valid before {at}': '证书链中的 {name} 在 {at} 之前无效',
  '{name} in its chain expired at {at}': '证书链中的 {name} 已于 {at} 过期',
  'it is not DER': '它不是 DER',
  'it is not the expected DER': '它不是应有的 DER',
  'a certificate in the PEM text is damaged': 'PEM 文本中有一张证书已损坏',
  'it is for another key': '它属于另一把密钥',
  'it does not name {name}': '它不含 {name}',
  'it also names {name}': '它还包含 {name}',
  'it is not valid before {at}': '它在 {at} 之前无效',
  'it expired at {at}': '它已于 {at} 过期',
};
