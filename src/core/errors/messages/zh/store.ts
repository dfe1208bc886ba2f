import { translation } from '../../template.ts';
import { store as english } from '../store.ts';

export const store = translation(english, {
  'store/conflict': {
    message: '本命令更新 {key} 时，另一个进程改动了存储中的它',
    hint: '请再执行一次。如果仍然如此，请作为缺陷报告。',
  },
  'store/unusable': {
    message: '无法使用存储 {path}：{reason}',
    hint: '{advice}',
  },
  'store/unreachable': {
    message: '数据库 {path} 没有应答：{reason}',
    hint: '请检查数据库服务器是否在运行、本机能否访问；`certfleet doctor --store` 会说明更多。正在写入的内容可能已经写入，下次运行会查明。',
  },
  'store/login-refused': {
    message: '数据库 {path} 拒绝登录：{reason}',
    hint: '请检查 `store` 的用户、密码和数据库名，以及服务器的 pg_hba.conf。',
  },
  'store/tls-refused': {
    message: '无法与数据库 {path} 建立可信任的连接：{reason}',
    hint: '请在服务器上启用 TLS（`ssl = on`），主机名与它的证书一致；私有 CA 请用 `store` 的 `caFile` 给出。如果网络上没有别人能读取，`tls: off` 可以不用 TLS。',
  },
  'store/right-missing': {
    message: '角色 {role} 在数据库 {path} 中缺少权限：{reason}',
    hint: '请以数据库属主的身份授权：`{advice}`。',
  },
  'store/read-only': {
    message: '无法写入数据库 {path}：{reason}',
    hint: '请连接主服务器，使用主备切换后会随之改变的地址。',
  },
  'store/too-new': {
    message: '存储 {path} 由更新版本的 certfleet 写入：它的 schema 是 {found}，而本版本只认识 {known}',
    hint: '请更新本机的 certfleet。未做任何改动。',
  },
  'store/clock-off': {
    message: '数据库 {path} 的时钟与本机相差 {span}（{direction}）',
    hint: '请让时间服务（NTP）校准两台机器的时钟。',
  },
  'store/key-required': {
    message: '存储 {path} 是数据库，但没有用来加密私钥的存储密钥',
    hint: '请生成密钥（`certfleet store key FILE`）并写入 `storeKey`；否则能读取数据库或其备份的人就能读到所有私钥。如果确实要这样，请在 `store` 中写 `plaintext: true`。',
  },
  'store/untrusted': {
    message: '存储 {path} 不可信任：{reason}',
    hint: '存储指定了以 certfleet 的用户身份执行的命令。{advice}',
  },
  'import/absent': {
    message: '{path} 中没有 {client} 的文件',
    hint: '请给出它的目录，或者 Traefik 的 acme.json 的路径：`certfleet import {client} PATH`',
  },
  'import/unreadable': {
    message: '无法读取 {path} 中 {client} 的文件：{reason}',
    hint: '请以能读取它们的用户（例如 root）执行导入。',
  },
  'import/damaged': {
    message: '无法从 {client} 导入 {path}：{reason}',
    hint: '请修复或删除它，然后再次导入。没有从中导入任何内容。',
  },
  'import/untrusted': {
    message: '{path} 不可信任：{reason}',
    hint: '导入会带来以 certfleet 的用户身份执行的命令。{advice}',
  },
  'store/absent': {
    message: '{path} 没有存储',
    hint: '请检查路径（--store，或者 certfleet.yaml 的 `store`）。`certfleet issue` 会新建存储；配置声明了证书或 `pages` 时，不带 `--store` 的 `certfleet run` 也会。',
  },
  'store/corrupt': {
    message: '无法读取文档 {key}：{reason}',
    hint: '文档原样保留在 {file}。请从备份恢复，或者把它移走。',
  },
  'store/lineage-missing': {
    message: '文档 lineage/{name} 不见了，但存储中有 {name} 的一个版本及其私钥',
    hint: '请从备份恢复；或者执行 `certfleet store check --mend`，用那个版本重建。证书如果没有在 certfleet.yaml 中声明，重建会丢失它的设置：在带上这些设置重新执行 `certfleet issue` 之前不会续期。',
  },
  'store/id-missing': {
    message: '{path} 的文档 meta/store 不见了，所以存储里有证书，却没有存储 ID',
    hint: '请从备份恢复；或者执行 `certfleet store check --mend` 新建一个 ID。用旧 ID 在负载均衡和证书服务上创建的资源，以后只有 `certfleet sweep --lost` 能找到。',
  },
  'store/part-missing': {
    message: '文档 {key} 不见了，而证书 {name} 需要它',
    hint: '请从备份恢复到 {path}，或者用新私钥申请新证书：`certfleet renew --force {name}`。',
  },
  'store/account-missing': {
    message: '文档 account/{account} 不见了：它是 {directory} 的账户，用于签发 {names}',
    hint: '请从备份恢复到 {path}。没有它，下次下单会开一个新账户，指明旧账户的 CAA 和 dns-persist-01 记录就不再匹配。',
  },
  'store/key-missing': {
    message: '存储 {path} 已加密，但没有给出存储密钥',
    hint: '请给出存储密钥：certfleet.yaml 的 `storeKey: file:/path`、--store-key file:/path，或者环境变量 CERTFLEET_STORE_KEY。',
  },
  'store/wrong-key': {
    message: '{path} 用 {keys} 加密，但只给出了 {given}；未做任何改动',
    hint: '请把密钥 {missing} 加到 certfleet.yaml 的 `storeKey`，或者用 --store-key 给出。两者都可以有多把密钥。{advice}',
  },
  'store/not-empty': {
    message: '{path} 已有存储；只能恢复或迁移到没有存储的地方',
    hint: '请把现有的存储移走，或者另选一处。',
  },
  'store/restoring': {
    message: '把 {file} 恢复到存储 {path} 的操作没有完成，存储中缺少文档',
    hint: '请再次执行恢复，它会继续：`{command}`。要恢复另一个备份，请先移走 {path}。',
  },
  'store/moving': {
    message: '把存储 {from} 迁移到 {to} 的操作没有完成，在此之前两者都不能使用',
    hint: '请再次执行迁移，它会继续：`{command}`。要继续用 {from}，请加上 --cancel。',
  },
  'store/moved': {
    message: '存储 {path} 已于 {date} 迁移到 {to}，不再使用',
    hint: '请在 certfleet.yaml 的 `store` 或 --store 中写新的位置。旧位置剩下的内容可以删除。',
  },
  'store/not-moving': {
    message: '存储 {path} 没有在迁移，无可取消',
    hint: '请先写正在迁移的存储，再写新的位置。',
  },
  'store/move-cancelled': {
    message: '另一个进程取消了存储 {from} 到 {to} 的迁移',
    hint: '存储 {from} 照旧使用。要迁移，请清空新的位置，再次执行迁移。',
  },
  'store/move-unequal': {
    message: '文档 {key} 写入 {to} 之后，读出的内容不同：{reason}',
    hint: '请再次执行迁移，它会重新复制不同的部分。如果再次发生，请检查新位置的磁盘。',
  },
  'store/node-runs': {
    message: 'certfleet 正以存储 {path} 的节点 {node} 运行（{holder}）；未做任何改动',
    hint: '请先停止它（`systemctl stop certfleet`）。如果那台机器已经不在了，等五分钟，或者执行 `certfleet node forget {node}`。',
  },
  'store/secrets-open': {
    message: '{from} 里的私钥是明文，而 {path} 是数据库；未做任何改动',
    hint: '请先加密存储（`certfleet store encrypt`）；否则能读取数据库或其备份的人就能读到所有私钥。如果确实要这样，请在 `store` 中写 `plaintext: true`，或者设置 CERTFLEET_POSTGRES_PLAINTEXT=true。',
  },
  'store/backup-damaged': {
    message: '无法恢复 {file}：{reason}；未做任何改动',
    hint: '请使用另一个备份。',
  },
  'store/backup-untrusted': {
    message: '{file} 不可信任：{reason}',
    hint: '备份指定了以 certfleet 的用户身份执行的命令。{advice}',
  },
  'store/in-use': {
    message: '另一个进程在一分钟之内写过存储 {path}，它的临时文件里可能还有明文机密',
    hint: '请一分钟后再执行，它会从中断处继续。在那之前，无法区分临时文件是被终止的进程留下的，还是另一台机器正在写的。',
  },
  'store/key-unusable': {
    message: '无法使用存储密钥：{reason}',
    hint: '{advice}',
  },
  'store/lease-lost': {
    message: '另一个进程接管了 {certificate}',
    hint: '不用处理：另一个进程会完成工作。',
  },
  'store/node-taken': {
    message: 'certfleet 已经在以这个存储的节点 {node} 运行（{holder}）',
    hint: '请给每台机器各自的名称（--node，或者配置中的 `node`），或者停止另一个进程。',
  },
  'store/node-lost': {
    message: '另一个进程（{holder}）现在以节点 {node} 运行，因为本进程没有心跳',
    hint: '如果本机只是休眠过，请停止另一个进程，再启动本进程。否则请给每台机器各自的名称（--node）。',
  },
  'store/held': {
    message: '另一个进程（{holder}）正在处理 {certificate}；未做任何改动',
    hint: '请等它完成，或者停止它。如果那台机器已经不在了，先执行 `certfleet sweep` 结束它的租约。',
  },
  'store/busy': {
    message: '另一个进程（{holder}）正在处理 {certificate}，{seconds} 秒内没有完成',
    hint: '请等它完成，或者停止它；下次运行会接着做。',
  },
});
