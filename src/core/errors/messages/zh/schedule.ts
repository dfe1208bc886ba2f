import { translation } from '../../template.ts';
import { schedule as english } from '../schedule.ts';

export const schedule = translation(english, {
  'schedule/too-slow': {
    message: '每 {interval} 运行一次不足以让 {certificate} 保持有效：它的有效期 {lifetime} 不到这个间隔的两倍',
    hint: '请至少每 {longest} 运行一次 `renew`（用 `--next-run {flag}`）；最好每小时一次，不用 --next-run。',
  },
});
