import { translation } from '../../template.ts';
import { challenges as english } from '../challenges.ts';

export const challenges = translation(english, {
  'dns/zone-not-found': {
    message: '没有找到 {name} 的 DNS 区域',
    hint: '请检查域名是否已委派；或者指明区域及其服务器：在“连接”页面或 certfleet.yaml 中声明 solver，并在它的 `dns` 下设置 `zone` 和 `nameservers`。',
  },
  'dns/no-nameserver': {
    message: '没有找到 {zone} 的权威服务器：{reason}',
    hint: '请检查该区域的 NS 记录；或者指明区域及其服务器：在“连接”页面或 certfleet.yaml 中声明 solver，并在它的 `dns` 下设置 `zone` 和 `nameservers`。',
  },
  'dns/lookup-failed': {
    message: 'DNS 服务器 {server} 没有应答 {question}：{reason}',
    hint: 'SERVFAIL、REFUSED 和 NOTIMP 来自服务器本身：请修复服务器或它的区域。其他错误请检查本机能否通过 UDP 和 TCP 的 53 端口访问该服务器。',
  },
  'dns/not-visible': {
    message: '{seconds} 秒后，TXT 记录 {name} 仍没有出现在所有权威服务器上：{missing}',
    hint: '没有请求 CA。{advice}',
  },
  'dns/delegated': {
    message: '{name} 是 {target} 的别名（CNAME），而 {provider} 不能修改区域 {zone}：{reason}',
    hint: '{advice}',
  },
  'dns/cname-loop': {
    message: '{name} 的 CNAME 记录成环，或者超过 {limit} 级',
    hint: '请修正 CNAME 记录。',
  },
  'dns/refused': {
    message: '{provider} 拒绝修改 {name}：{reason}',
    hint: '未做任何改动。{advice}',
  },
  'dns/limited': {
    message: '{provider} 目前不再接受请求：{reason}',
    hint: '未做任何改动。请等限额恢复后再试。',
  },
  'dns/failed': {
    message: '{provider} 修改 {name} 失败：{reason}',
    hint: '问题出在服务商那边，请稍后再试。如果一直失败，请查看服务商的状态页。',
  },
  'dns/script-failed': {
    message: '{script} 修改 {name} 失败：{reason}',
    hint: '脚本失败之前可能已做了改动。{advice}',
  },
  'dns/needs-person': {
    message: '{name} 的 TXT 记录必须由人在终端上手工添加{until}',
    hint: '请在终端上执行 `certfleet issue`，并给出证书的名称。不想每次手工操作，请选用有 API 的 DNS 服务商（`certfleet providers` 列出了全部）。',
  },
  'dns/conflict': {
    message: '{provider} 没有修改 {name}，因为另一个程序同时在修改：{reason}',
    hint: '未做任何改动，请再试。',
  },
  'dns/clock-skew': {
    message: '{provider} 拒绝修改 {name}：{reason}',
    hint: '请校准本机和服务器的时钟（NTP），两者最多相差五分钟。',
  },
  'dns/unreachable': {
    message: '无法访问 {provider}：{reason}',
    hint: '请检查服务器的地址和网络。',
  },
  'dns/bad-answer': {
    message: '{provider} 的应答不可信任：{reason}',
    hint: '如果服务商使用 TSIG，请检查两边的密钥和时钟。',
  },
  'solver/port-taken': {
    message: '应答程序无法监听 {address}：端口被 {holder} 占用',
    hint: '请停止那个程序，或者在负载均衡后面换一个端口，或者用 `--http webroot:FOLDER`。',
  },
  'solver/port-held': {
    message: '应答程序无法监听 {address}：端口被 {holder} 占用',
    hint: '那个进程的订单完成后会释放端口。如果它被挂起，用 `kill -CONT PID` 恢复，或者结束它；下次运行会接着完成它的工作。',
  },
  'solver/cannot-listen': {
    message: '应答程序无法监听 {address}：{reason}',
    hint: '1024 以下的端口需要 root 或 CAP_NET_BIND_SERVICE。',
  },
  'solver/webroot-unwritable': {
    message: '无法写入 webroot {folder}：{reason}',
    hint: '请指定 Web 服务器对外提供的目录，并让当前用户可以写入。',
  },
  'solver/hook-failed': {
    message: '钩子 `{command}` 执行失败（{status}）：{output}',
    hint: '要查明原因，请设置好 CERTBOT_* 变量，手动执行这个钩子。',
  },
  'solver/too-much-left': {
    message: '{certificate} 以前遗留的验证无法删除，或者还要再检查（共 {count} 个）',
    hint: '请执行 `certfleet sweep`，它会删除，或者说明为什么不能删除。在此之前，日志里没有空间容纳新的订单。',
  },
  'solver/not-removed': {
    message: '{certificate}：无法删除 {what}：{reason}',
    hint: '什么都没有删除。请解决问题后再执行 `certfleet delete {certificate}`；或者加上 --force，只删除证书，把验证留在那里。',
  },
  'solver/wrong-answer': {
    message: '请求 {identifier} 的验证路径时，{what} 返回了 {answer}',
    hint: '{advice}',
  },
  'solver/frontend-silent': {
    message: '代理 {frontend} 没有应答：{reason}',
    hint: '请确认代理在运行，并且本机能连上；或者把它从 solver 的 `frontends` 中去掉。',
  },
  'solver/not-ready': {
    message: '{seconds} 秒后，{solver} 仍没有为 {identifier} 准备好：{reason}',
    hint: '没有请求 CA。',
  },
});
