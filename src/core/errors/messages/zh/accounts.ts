import { translation } from '../../template.ts';
import { accounts as english } from '../accounts.ts';

export const accounts = translation(english, {
  'account/several': {
    message: '账户不止一个{which}：{accounts}',
    hint: '请指明用哪一个：给出它的 issuer，并用 --account 给出它的名称。',
  },
  'account/not-found': {
    message: '存储中没有账户{which}',
    hint: '{advice}',
  },
  'account/not-open': {
    message: '账户 {account} 还没有在 CA 开户',
    hint: '用这个账户申请一张证书就会开户。如果没有证书使用它，用 `certfleet account remove` 删除。',
  },
  'account/stays': {
    message: '没有删除账户 {account}：{reason}',
    hint: '{advice}',
  },
  'account/changed': {
    message: '另一个进程刚刚更换了账户 {url} 的密钥，或者取消了更换',
    hint: '用 `certfleet account list` 查看账户。如果仍需更换密钥，请再执行一次。',
  },
  'account/rolling': {
    message: '{certificate} {reason}',
    hint: '代理用账户密钥的指纹应答验证，其中一些可能已经换上新指纹。没有下单。',
  },
});
