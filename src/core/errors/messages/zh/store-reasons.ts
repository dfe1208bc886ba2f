/** Why a store or a responder cannot be used, and what to do. */
export const storeReasons: Readonly<Record<string, string>> = {
  // Encryption.
  'it is not encrypted, although all secrets of the store are': '它没有加密，而存储中的机密都已加密',
  'the key {id}': '密钥 {id}',
  'the keys {ids}': '密钥 {ids}',
  'With all of the keys, `certfleet store encrypt` finishes the change of keys.':
    '给出全部密钥后，`certfleet store encrypt` 会完成密钥更换。',
  'it was changed, or belongs to another name (its seal is broken)': '它被改动过，或者属于另一个名称（封印已损坏）',

  // Folders.
  'something other than a file is in its place, so it cannot be rebuilt': '它的位置上不是文件，因此无法重建',
  'it is gone (the folder is missing, or empty)': '它已不存在（目录不存在或为空）',
  'another store is in its place': '它的位置上是另一个存储',
  'Mount its volume again, or restore it from a backup. A running process orders nothing meanwhile, makes no new store, and goes on by itself once the store is back.':
    '请重新挂载它的卷，或者从备份恢复。运行中的进程在此期间不会下单，也不会新建存储；存储恢复后会自动继续。',
  'the file is empty': '文件是空的',
  'the file ends in its first line': '文件在第一行就结束了',
  'certfleet did not write its first line': '它的第一行不是 certfleet 写的',
  'it has {count} bytes, but {wanted} were written': '它有 {count} 字节，但写入的是 {wanted} 字节',
  'its content has changed since it was written (checksum)': '它的内容在写入之后改变了（校验和）',
  '{file} (the previous revision still exists: {other})': '{file}（上一个修订仍在：{other}）',
  'it contains revision {revision}': '它包含修订 {revision}',
  'it belongs to {key} (a copied file, or a file system that ignores case?)':
    '它属于 {key}（是复制的文件，还是不区分大小写的文件系统？）',
  '{file} and similar files are listed but cannot be read': '{file} 和类似的文件列在目录中，但无法读取',
  'it is listed but cannot be read': '它列在目录中，但无法读取',
  'Check the file system.': '请检查文件系统。',
  'Allow the user that runs certfleet to read and write this folder (and to enter its parents), or name another one with --store.':
    '请允许运行 certfleet 的用户读写这个目录（并进入其上级目录），或者用 --store 指定另一个目录。',
  'Allow the user that runs certfleet to read and write this folder, or name another one with --store.':
    '请允许运行 certfleet 的用户读写这个目录，或者用 --store 指定另一个目录。',
  'Mount it writable, or name another folder with --store.': '请以可写方式挂载，或者用 --store 指定另一个目录。',
  'Make room on this file system (blocks or inodes).': '请在这个文件系统上腾出空间（块或 inode）。',
  'Free some space on this file system.': '请在这个文件系统上腾出空间。',
  'Raise the quota or make room.': '请提高配额或腾出空间。',
  'Nothing in the store is lost.': '存储中的内容没有丢失。',
  'Name a folder with --store; a file is in the way.': '请用 --store 指定目录；那里是一个文件。',
  'The disk reports errors: check the kernel’s log, and copy the store to another disk.':
    '磁盘报告错误：请查看内核日志，并把存储复制到另一块磁盘。',
  'Raise the limit of open files (ulimit -n).': '请提高打开文件数的限制 (ulimit -n)。',
  'The machine has too many files open.': '本机打开的文件过多。',
  'The network file system is gone: mount it again.': '网络文件系统已断开：请重新挂载。',
  'Symbolic links form a loop: correct the path.': '符号链接形成循环：请改正路径。',
  'its file system has no hard links': '它的文件系统不支持硬链接',
  'Use a local file system such as ext4, xfs or btrfs, or NFS.': '请使用 ext4、xfs、btrfs 等本地文件系统，或者 NFS。',
  'its file system does not keep the data that is written to it': '它的文件系统没有保存写入的数据',
  'Fix the error above.': '请解决上面的错误。',
  'The folder belongs to {owner}, and certfleet runs as user {user}: as root, run `{command}`, or run certfleet as {name}.':
    '目录属于 {owner}，而 certfleet 以用户 {user} 运行：请以 root 执行 `{command}`，或者以 {name} 运行 certfleet。',
  'With docker, change the mounted folder on the host (`{command}`), or give `docker run` the flag `--user {user}`.':
    '使用 docker 时，请在宿主机上修改挂载的目录（`{command}`），或者为 `docker run` 加上 `--user {user}`。',
  'Check the contents of the store, then {remedy}.': '请检查存储的内容，然后{remedy}。',
  'Check the contents of the store, then, as root, `{command}`.': '请检查存储的内容，然后以 root 执行 `{command}`。',
  'Check the contents of the store, then `{command}`.': '请检查存储的内容，然后执行 `{command}`。',
  'Run certfleet as that user (`docker run --user`).': '请以该用户运行 certfleet (`docker run --user`)。',
  'Or check the contents of the store, then, as root, `{command}`.':
    '或者检查存储的内容，然后以 root 执行 `{command}`。',
  'Or check the contents of the store, then `{command}`.': '或者检查存储的内容，然后执行 `{command}`。',
  'there is no store in this folder, and it is not empty ({file})': '这个目录中没有存储，但不是空的（{file}）',
  'Name a new folder, such as {folder}, or an empty one.': '请指定新的目录，例如 {folder}，或者空目录。',
  'the disk is full: {free} MiB are free, but {needed} MiB are needed': '磁盘已满：剩余 {free} MiB，需要 {needed} MiB',

  // PostgreSQL.
  'it is a standby': '它是备库',
  'it takes no writes (a standby?)': '它不接受写入（是备库？）',
  'its transactions are read-only (default_transaction_read_only)': '它的事务是只读的 (default_transaction_read_only)',
  'the server is PostgreSQL {version}': '服务器是 PostgreSQL {version}',
  'Use PostgreSQL 13 or later.': '请使用 PostgreSQL 13 或更高版本。',
  'it reports writes before they are on the disk (synchronous_commit is off)':
    '它在写入落盘之前就返回成功（synchronous_commit 已关闭）',
  'A key that is lost with a power cut costs a certificate: `alter role {role} set synchronous_commit = on`.':
    '断电时丢失密钥就等于丢失证书：`alter role {role} set synchronous_commit = on`。',
  'See the log of the database server.': '请查看数据库服务器的日志。',
  'Make room on the disk of the database server.': '请在数据库服务器的磁盘上腾出空间。',
  'The database server is out of memory.': '数据库服务器内存不足。',
  'The database reports damaged data: check the disk of its server, and restore a backup.':
    '数据库报告数据损坏：请检查服务器的磁盘，并恢复备份。',
  'The database reports a damaged index: check the disk of its server, and run `reindex`.':
    '数据库报告索引损坏：请检查服务器的磁盘，并执行 `reindex`。',
  'it is another store than the one that this process opened': '它不是本进程打开的那个存储',
  'Look at the schema "{schema}" of this database: somebody has dropped or replaced it, or the address leads to another database now.':
    '请查看这个数据库的 schema "{schema}"：有人删除或替换了它，或者该地址现在指向另一个数据库。',
  'Then start certfleet again.': '然后重新启动 certfleet。',
  'expected a URL like postgres://USER:PASSWORD@HOST:PORT/DATABASE; in the password, write characters other than letters and digits as %XX':
    '应为 postgres://USER:PASSWORD@HOST:PORT/DATABASE 这样的 URL；密码中字母和数字以外的字符请写成 %XX',
  'expected a URL like postgres://USER:PASSWORD@HOST:PORT/DATABASE':
    '应为 postgres://USER:PASSWORD@HOST:PORT/DATABASE 这样的 URL',
  'it has the parameter "{name}", which certfleet does not know: leave it out':
    '它带有 certfleet 不认识的参数 "{name}"：请去掉它',
  'its sslmode allows connections without TLS: leave it out, and say `tls: off` if that is meant':
    '它的 sslmode 允许不用 TLS 的连接：请去掉它；如果确实需要，请写 `tls: off`',
  'the server wants a password': '服务器要求密码',
  'the server has no TLS': '服务器没有 TLS',

  // Responders and webroots.
  'the file {path} exists and is not certfleet’s': '文件 {path} 已存在，而且不是 certfleet 的',
  '{path} does not contain the answer': '{path} 中没有应答',
  'no such folder': '没有这个目录',
  'the wrong body': '内容不对',
  '{name} has no address': '{name} 没有地址',
  'the proxy at {address}': '{address} 的代理',
  'another order for {name} is being validated': '{name} 的另一个订单正在验证',
  'the other certfleet process does not answer for {name} yet': '另一个 certfleet 进程还没有为 {name} 应答',
  'this responder does not answer the challenge yet': '本应答程序还没有应答该验证',
  'the responder of the other certfleet process does not answer the challenge yet':
    '另一个 certfleet 进程的应答程序还没有应答该验证',
  'a token that is not base64url reached a solver': '有一个不是 base64url 的令牌到了 solver',
  'GET or HEAD {path} on the port {port} of the node': '对节点的 {port} 端口 GET 或 HEAD {path}',
  'the responder was closed': '应答程序已关闭',
  'This machine has no such address.': '本机没有这个地址。',
  'Set `listen` to an address that it has, or to the port alone, which means every address.':
    '请把 `listen` 设为本机的地址，或者只写端口，表示全部地址。',
  'a certfleet process that uses another store or version': '使用另一个存储或版本的 certfleet 进程',
  'a stopped certfleet process': '已停止的 certfleet 进程',
  'a certfleet process that does not answer': '没有应答的 certfleet 进程',
  'another program': '另一个程序',
  '{process}, or another program that only claims to be one,': '{process}，或者冒充它的另一个程序',
  'another program (pid {pid} of uid {uid})': '另一个程序（进程号 {pid}，用户 {uid}）',
  'another program (pid {pid})': '另一个程序（进程号 {pid}）',
  'a certfleet process that uses another store or version (pid {pid} of uid {uid})':
    '使用另一个存储或版本的 certfleet 进程（进程号 {pid}，用户 {uid}）',
  'a certfleet process that uses another store or version (pid {pid})':
    '使用另一个存储或版本的 certfleet 进程（进程号 {pid}）',
  'a stopped certfleet process (pid {pid} of uid {uid})': '已停止的 certfleet 进程（进程号 {pid}，用户 {uid}）',
  'a stopped certfleet process (pid {pid})': '已停止的 certfleet 进程（进程号 {pid}）',
  'a certfleet process that does not answer (pid {pid} of uid {uid})':
    '没有应答的 certfleet 进程（进程号 {pid}，用户 {uid}）',
  'a certfleet process that does not answer (pid {pid})': '没有应答的 certfleet 进程（进程号 {pid}）',
  '{process} (pid {pid} of uid {uid})': '{process}（进程号 {pid}，用户 {uid}）',
  '{process} (pid {pid})': '{process}（进程号 {pid}）',
  'its secret is not {count} bytes long': '它的密钥不是 {count} 字节',
};
