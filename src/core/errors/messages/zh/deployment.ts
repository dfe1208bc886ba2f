import { translation } from '../../template.ts';
import { deployment as english } from '../deployment.ts';

export const deployment = translation(english, {
  'deploy/target-failed': {
    message: '把 {certificate} 部署到 {target} 失败：{reason}',
    hint: '目标仍保留之前的证书（如果有）。`certfleet renew` 会再试。',
  },
  'deploy/nodes-missing': {
    message: '{target} 的 {total} 个节点中有 {missing} 个缺少 {certificate}：{reason}',
    hint: '其他节点已经部署。`certfleet renew` 会再试缺少的节点。',
  },
  'deploy/unsafe-folder': {
    message: 'certfleet 拒绝把 {certificate} 部署到 {target}：{reason}',
    hint: 'certfleet 只把私钥写入属于 root 或自己用户的目录，也不跟随其他用户的链接。请修正目录；`certfleet renew` 会再试。',
  },
  'deploy/newer-there': {
    message: 'certfleet 拒绝把 {certificate} 部署到 {target}：certbot 已经续期，{path} 里的版本更新（{from} 起有效）',
    hint: '请用 `certfleet import certbot {root} --in-place` 接管较新的版本，并停用 certbot，只让其中一个续期。',
  },
  'deploy/config-test-failed': {
    message: '{target}：写入 {certificate} 之后，配置测试失败：{output}',
    hint: '之前的文件已经恢复。请修正配置；`certfleet renew` 会再试。',
  },
  'deploy/too-slow': {
    message: '把 {certificate} 部署到 {target} 超过了 {seconds} 秒',
    hint: '请查明目标为什么卡住，或者在配置中用 `deployDeadline` 延长时间。',
  },
  'deploy/settling': {
    message: '{certificate} 正在 {target} 上生效：{detail}',
    hint: '不用处理。`certfleet renew` 会再查看；如果到 {until} 还没有生效完，就报告失败。',
  },
  'deploy/not-settled': {
    message: '{certificate} 在 {target} 上还没有生效完，本应在 {until} 之前完成：{detail}',
    hint: '请在目标的控制台查看它在等什么。`certfleet renew` 会再查看，生效结束后重新部署。',
  },
  'deploy/places-missing': {
    message: '{target} 的 {total} 个位置中有 {missing} 个缺少 {certificate}：{places}',
    hint: '请逐一解决上面列出的位置的问题。其他位置不受影响，`certfleet renew` 只再试缺少的位置。',
  },
  'deploy/other-node': {
    message: '{target} 还没有 {certificate}：它在另一个节点上的部署被中断',
    hint: 'sweep 只部署所有节点共用的目标。其他目标请在那个节点上执行 `certfleet renew`。',
  },
  'deploy/no-answer': {
    message: '{endpoint} 没有应答：{reason}',
    hint: '请启动服务器，或者修正端点；`certfleet renew` 会再检查。',
  },
  'deploy/still-old': {
    message: '{endpoint} 还没有使用 {certificate} 的当前证书，而是 {served}',
    hint: '请确认这张证书的某个目标就是端点背后的服务器。`certfleet renew` 会再次启用证书，然后重新检查。',
  },
  'deploy/drifted': {
    message: '{endpoint} 不再使用 {certificate} 的当前证书，而是 {served}',
    hint: '部署之后，有别的程序在那里换上了另一张证书。`certfleet renew` 会查看每个目标，并向缺少当前证书的目标部署。如果反复出现，请查明还有什么在写这个目标。',
  },
  'deploy/foreign': {
    message: '{endpoint} 不再使用 {certificate} 的当前证书，而是另一张对该域名有效的证书：{served}',
    hint: 'certfleet 只在缺少当前版本的目标上替换它。如果它本该在那里，请从证书中去掉这个端点；否则请查明端点背后是哪台服务器，证书是谁装上的。',
  },
  'deploy/handshake-failed': {
    message: '{endpoint} 无法再完成 TLS 握手：{reason}',
    hint: '已恢复上一个版本。一天之后 `certfleet renew` 会再试新版本。',
  },
  'deploy/no-handshake': {
    message: '{endpoint} 无法完成 TLS 握手：{reason}',
    hint: '{why}。请确认那里有 TLS 服务器在监听，并且接受这张证书；`certfleet renew` 会再检查。',
  },
});
