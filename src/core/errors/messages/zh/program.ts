import { translation } from '../../template.ts';
import { homepage } from '../../version.ts';
import { program as english } from '../program.ts';

export const program = translation(english, {
  'network/failed': {
    message: '{method} {url}：{reason}',
    hint: '请检查网络和代理设置。',
  },
  'network/too-large': {
    message: '{method} {url}：应答超过 {limit} 字节',
    hint: '请确认没有代理或上网认证页面替服务器作了应答。',
  },
  'network/unhealthy': {
    message: '`certfleet run` 不正常：{reason}',
    hint: '详情见它的日志。',
  },
  'network/not-running': {
    message: '套接字 {socket} 上没有 `certfleet run` 应答：{reason}',
    hint: '请启动 `certfleet run`。只有它的用户和 root 可以打开这个套接字。',
  },
  'process/failed': {
    message: '无法启动 `{command}`：{reason}',
    hint: '请确认程序已安装，并且当前用户可以执行。',
  },
  'process/timeout': {
    message: '`{command}` 没有在 {seconds} 秒内结束，已被终止',
    hint: '请手动执行，看看它在等什么。certfleet 执行它时没有终端，只有少数几个环境变量。',
  },
  'output/lost': {
    message: '无法写出输出：{reason}',
    hint: '命令本身已经完成。请腾出磁盘空间，或者把输出写到别处。',
  },
  'bug/unexpected': {
    message: 'certfleet 内部出错：{reason}',
    hint: `请连同 \`--json\` 的输出一起报告到 ${homepage}/issues。存储中的内容没有丢失。`,
  },
});
