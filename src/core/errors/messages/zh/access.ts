import { translation } from '../../template.ts';
import { access as english } from '../access.ts';

export const access = translation(english, {
  'access/user-exists': {
    message: '用户 {name} 已存在',
    hint: '请换一个名称，或者用 `certfleet user role`、`certfleet user password` 修改这个用户。',
  },
  'access/fixed-targets': {
    message: '私钥发往何处只由配置文件决定，而 "{name}" 与此有关',
    hint: '在配置文件的 `pages` 中设置 `changeTargets: true` 之后，管理员可以在这里修改。',
  },
  'access/no-user': {
    message: '没有用户 {name}',
    hint: '`certfleet user list` 列出全部用户。',
  },
  'access/user-name': {
    message: '"{name}" 不能作用户名：用户名应有 {rule}',
    hint: '请换一个名称，例如 ops 或 ann@example.com。',
  },
  'access/password': {
    message: '{reason}',
    hint: '几个互不相关的词就能组成好密码。',
  },
  'access/last-admin': {
    message: '{name} 是最后一个管理员',
    hint: '请先用 `certfleet user add --role admin` 加上名称，再建一个管理员。',
  },
  'access/has-users': {
    message: '已经有用户，不需要创建第一个用户的链接',
    hint: '请用 `certfleet user password` 设置新密码，或者用 `certfleet user add` 再建一个用户。',
  },
  'access/link-over': {
    message: '链接已失效',
    hint: '链接只能用一次，15 分钟内有效，而且只在没有用户时有效。`certfleet user link` 会生成新的链接。',
  },
  'access/token-exists': {
    message: 'API 令牌 {name} 已存在',
    hint: '请换一个名称，或者用 `certfleet token remove` 删除那一个。',
  },
  'access/no-token': {
    message: '没有 API 令牌 {name}',
    hint: '`certfleet token list` 列出全部令牌。',
  },
  'access/scope': {
    message: '"{scope}" 不能作为令牌的范围：应为 {rule}',
    hint: '不设范围的令牌可用于所有证书。',
  },
  'access/login': {
    message: '需要 API 令牌，或者先登录',
    hint: '请用 `Authorization: Bearer TOKEN` 发送有效的令牌。`certfleet token add` 会生成令牌。',
  },
  'access/role': {
    message: '这需要 {least} 角色，而 {name} 的角色是 {role}',
    hint: '管理员可以修改用户的角色，或者另建一个 API 令牌。',
  },
  'access/some-certificates': {
    message: 'API 令牌 {name} 只能用于部分证书，而这涉及所有证书',
    hint: '请使用不设范围的令牌。',
  },
  'access/no-key-download': {
    message: '这里不能下载私钥',
    hint: '在配置文件的 `pages` 中设置 `keyDownload: true` 之后，管理员可以下载。`certfleet export` 可把私钥写到文件。',
  },
  'access/password-needed': {
    message: '需要再次输入密码',
    hint: '请发送已登录用户的密码。',
  },
  'access/wrong-password': {
    message: '密码错误',
    hint: '请输入已登录用户的密码。',
  },
  'access/slow': {
    message: '尝试次数过多',
    hint: '请在 {seconds} 秒后重试。',
  },
  'access/no-password': {
    message: '{name} 通过 OpenID 提供方登录，在这里没有密码',
    hint: '有密码的 certfleet 用户，或者命令行上的 root，可以执行这个操作。',
  },
  'access/oidc-off': {
    message: '这里不通过 OpenID 提供方登录',
    hint: '请用用户名和密码登录。配置文件中的 `pages.oidc` 决定可以在哪个提供方登录。',
  },
  'access/oidc-failed': {
    message: '在 OpenID 提供方的登录失败',
    hint: '请重试。失败原因见审计日志。certfleet 自己的用户仍可用密码登录。',
  },
  'access/oidc-other': {
    message: '这次登录不是在这个浏览器中开始的，或者时间太久，或者之后又开始了另一次登录',
    hint: '请重新登录。',
  },
  'access/oidc-no-role': {
    message: '{name} 在这里没有角色',
    hint: '请向管理员申请：配置文件中的 `pages.oidc.roles` 决定谁有什么角色。',
  },
  'access/foreign': {
    message: '这个请求来自其他网站的页面',
    hint: '请打开 certfleet 的页面，在那里操作。',
  },
  'access/other-login': {
    message: '这个表单属于另一次登录',
    hint: '请用浏览器返回表单重新提交，已输入的内容仍在。如果仍被拒绝，请重新打开页面。',
  },
});
