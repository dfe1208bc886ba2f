/** Why certificates cannot be written to folders of this machine or of nodes behind SSH, or are not there. */
export const folderReasons: Readonly<Record<string, string>> = {
  '/{path} is not a regular file: remove it, or name another path':
    '/{path} 不是普通文件：请移走它，或者指定另一个路径',
  '/{path} has another content or mode': '/{path} 的内容或权限不同',
  '`layout: certbot` writes no keystore, so `pkcs12` must not be set':
    '`layout: certbot` 不写密钥库，因此不能设置 `pkcs12`',
  '`pkcs12Password` is empty or contains a character outside ASCII': '`pkcs12Password` 为空，或者含有非 ASCII 字符',
  'HAProxy does not use {place}, only {known}; name it in a bind line: {line}':
    'HAProxy 没有使用 {place}，只使用 {known}；请在 bind 行中写上：{line}',
  'HAProxy does not use {place}; name it in a bind line: {line}':
    'HAProxy 没有使用 {place}；请在 bind 行中写上：{line}',
  'its name cannot be a file name here': '它的名称在这里不能用作文件名',
  '"{name}" cannot be a folder here': '"{name}" 在这里不能用作目录名',
  '/{path} does not have certbot’s four links': '/{path} 没有 certbot 的四个链接',
  '/{path} is not as certbot makes it; it was left alone': '/{path} 不是 certbot 创建的样子；没有改动它',
  'its files in {folder} are gone': '它在 {folder} 中的文件已不存在',
  '{reason}; and with the previous version again: {again}': '{reason}；换回上一个版本之后再次失败：{again}',
  'a name that begins with a dot cannot be a folder here': '以点开头的名称在这里不能用作目录名',
  'pipe, socket or device': '管道、socket 或设备',
  '{path} is a {kind} that certfleet did not make; it was left alone':
    '{path} 是 {kind}，不是 certfleet 创建的；没有改动它',
  '{path} is a {kind} that certfleet did not make': '{path} 是 {kind}，不是 certfleet 创建的',
  '{path} is a link to {to} that certfleet did not make; it was left alone':
    '{path} 是指向 {to} 的链接，不是 certfleet 创建的；没有改动它',
  '{path} is a link to {to} that certfleet did not make': '{path} 是指向 {to} 的链接，不是 certfleet 创建的',
  '/{path} is missing, or is not of this version with this password': '/{path} 不存在，或者不是这个版本、这个密码的',
  'this version has no id': '这个版本没有 ID',
  '{problem}; it was left alone. Give this deployer another path, or move it away (and archive/{name}) once no server reads it':
    '{problem}；没有改动它。请为这个部署目标指定另一个路径，或者在没有服务器读取它之后把它（以及 archive/{name}）移走',
  '{problem}; it was left alone': '{problem}；没有改动它',
  'Give this deployer another path, or move it away (and archive/{name}) once no server reads it':
    '请为这个部署目标指定另一个路径，或者在没有服务器读取它之后把它（以及 archive/{name}）移走',
  '/{path} contains something that certfleet did not make': '/{path} 含有不是 certfleet 创建的内容',
  'has mode {mode} instead of {wanted}': '权限为 {mode}，应为 {wanted}',
  'belongs to user {user} instead of {wanted}': '属于用户 {user}，应为 {wanted}',
  'belongs to group {group} instead of {wanted}': '属于组 {group}，应为 {wanted}',
  'there is no {kind} "{name}" in {file}; write the user in `owner` and the group in `group`':
    '{file} 中没有 {kind} "{name}"；请把用户写在 `owner`，把组写在 `group`',
  'there is no {kind} "{name}" in {file}; give it as a number': '{file} 中没有 {kind} "{name}"；请改用数字',
  'write the user in `owner` and the group in `group`': '请把用户写在 `owner`，把组写在 `group`',
  'give it as a number': '请改用数字',

  // Over SSH.
  'the node reports only “Failure”: its disk may be full or read-only':
    '节点只报告 “Failure”：它的磁盘可能已满或者只读',
  'its SFTP server cannot do that': '它的 SFTP 服务器不支持这个操作',
  'its SFTP server cannot replace a file in one step (posix-rename@openssh.com): use OpenSSH’s':
    '它的 SFTP 服务器不能一步替换文件 (posix-rename@openssh.com)：请使用 OpenSSH 的',
  'its SFTP server cannot make symbolic links: use OpenSSH’s': '它的 SFTP 服务器不能创建符号链接：请使用 OpenSSH 的',
  'it is larger than {count} bytes ({path})': '它超过 {count} 字节（{path}）',
  '{path} is not in {folder}': '{path} 不在 {folder} 中',
  '/{path} is a symbolic link, which could lead files elsewhere: name the folder that it leads to':
    '/{path} 是符号链接，文件可能被引到别处：请指定它所指向的目录',
  '/{path} is not a folder': '/{path} 不是目录',
  '/{path} belongs to user {owner}, who could replace what is written there: give it to root or to {user}, or log in as its owner':
    '{path} 属于用户 {owner}，该用户可以替换写在那里的内容：请把它的属主改为 root 或 {user}，或者以它的属主登录',
  'its host key {key} is not one of `hostKeys`; nothing was sent to it':
    '它的主机密钥 {key} 不在 `hostKeys` 中；没有向它发送任何内容',
  'Compare it with `ssh-keygen -lf` on the node, then add it: {command}':
    '请在节点上用 `ssh-keygen -lf` 核对，然后添加：{command}',
  'Compare it with `ssh-keygen -lf` on the node': '请在节点上用 `ssh-keygen -lf` 核对',
  'its host key {key} is revoked in {line}; nothing was sent to it':
    '它的主机密钥 {key} 已在 {line} 中吊销；没有向它发送任何内容',
  'its host key {key} is not the one of {line} ({known}); nothing was sent to it':
    '它的主机密钥 {key} 与 {line}（{known}）不符；没有向它发送任何内容',
  'Either the node was set up anew, then correct that line, or another machine answers at its address':
    '要么节点已重装，请改正那一行；要么是另一台机器在它的地址上应答',
  "{line} names a certificate authority for it, which certfleet cannot check; add the node's own host key: {command}":
    '{line} 为它指定了证书颁发机构，certfleet 无法检查；请添加节点自己的主机密钥：{command}',
  'its host key {key} is not in {files}; nothing was sent to it':
    '它的主机密钥 {key} 不在 {files} 中；没有向它发送任何内容',
  'there is no file {file}, which `knownHosts` names': '没有 `knownHosts` 指定的文件 {file}',
  'no answer within {span}': '{span} 内没有应答',
  'it took longer than {span}': '超过了 {span}',
  'the host keys in {file} cannot be trusted: {reason}; {remedy}': '{file} 中的主机密钥不可信：{reason}；{remedy}',
  'it is a public key': '它是公钥',
  'the private key is a path: write file:/path': '私钥是一个路径：请写成 file:/path',
  'the private key is encrypted: give its `passphrase`': '私钥已加密：请给出它的 `passphrase`',
  'the `passphrase` does not open the private key': '`passphrase` 不能解开私钥',
  "the private key cannot be read ({reason}); `ssh-keygen -p -f FILE` writes it in OpenSSH's own format":
    '无法读取私钥（{reason}）；`ssh-keygen -p -f FILE` 会把它转成 OpenSSH 格式',
  'it offers no SFTP; enable it in its sshd_config with {line}': '它不提供 SFTP；请在 sshd_config 中用 {line} 启用',
  "its login shell prints something before SFTP begins: remove that from the user's .bashrc, or write {line} into its sshd_config":
    '它的登录 shell 在 SFTP 开始之前有输出：请从该用户的 .bashrc 中去掉，或者在 sshd_config 中写入 {line}',
  'its SFTP server did not start ({reason}); {line} in its sshd_config needs no program':
    '它的 SFTP 服务器没有启动（{reason}）；在 sshd_config 中用 {line} 就不需要外部程序',
  "it lets {user} in neither with the key nor with the password given: add the public key to {user}'s ~/.ssh/authorized_keys there":
    '用给出的密钥和密码都不能以 {user} 登录：请把公钥加到那里 {user} 的 ~/.ssh/authorized_keys',
  'the connection was closed before the login': '连接在登录之前被关闭',
  'the connection was closed before the command had ended': '连接在命令结束之前被关闭',
};
