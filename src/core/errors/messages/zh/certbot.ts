import { translation } from '../../template.ts';
import { certbot as english } from '../certbot.ts';

export const certbot = translation(english, {
  'usage/certbot-refused': {
    message: '不支持 {word}：{reason}',
    hint: '请去掉 {word}。',
  },
  'usage/certbot-setting': {
    message: '{path}:{line}：certbot 没有选项 "{key}"',
    hint: '请改正或删除这一行。',
  },
  'usage/certbot-not-taken-over': {
    message: 'certbot 在 {folder} 里有 {what}，但 certfleet 还没有接管这个目录',
    hint: '请先接管：执行 `{command}`。',
  },
  'usage/certbot-no-plugin': {
    message: '命令没有说明怎样应答 CA 的验证',
    hint: '如果 80 端口空闲，执行 `{command}`。否则把 --standalone 换成 --webroot -w FOLDER、--nginx、--apache、--dns-PROVIDER 或 --manual。',
  },
  'usage/certbot-no-such-names': {
    message: '没有恰好包含这些域名的证书（{names}）',
    hint: '要申请一张，执行 `{command}`。',
  },
  'usage/certbot-more-names': {
    message: '-d 只给出了 {certificate} 的一部分域名',
    hint: '请去掉 -d，用 --cert-name {certificate} 选择证书。',
  },
  'usage/certbot-some-names': {
    message: '证书 {certificate} 只包含其中一部分域名（{names}）',
    hint: '要把其余的加进去，用 --expand；要另外申请一张，用 --cert-name。',
  },
  'usage/web-server-absent': {
    message: '本机没有找到 {server}：找过 {places}',
    hint: '请用 {flag} 给出程序的路径，或者用 --webroot -w FOLDER。',
  },
  'usage/web-server-failed': {
    message: '`{command}` 以 {status} 退出：{output}',
    hint: 'certfleet 从这条命令的输出读取 Web 服务器的配置。请手动执行它，并修正它报告的错误。',
  },
  'usage/web-server-silent': {
    message: '按现在的配置，{server} 不会应答 {names} 的验证：{reason}',
    hint: 'certfleet 不修改 Web 服务器的配置。{advice}',
  },
});
