/** Why no credentials of a cloud could be got, and what to do. */
export const credentialReasons: Readonly<Record<string, string>> = {
  // Options that lack or do not fit.
  'the credential "{name}", which the other credentials need': '其他凭据需要的凭据 "{name}"',
  'the option "{name}", which the pod’s token needs': 'Pod 的令牌需要的选项 "{name}"',
  'the credential "{name}"': '凭据 "{name}"',
  'the option "{name}"': '选项 "{name}"',
  'the credential "{name}" ({variable}), or "{other}" and "{another}"':
    '凭据 "{name}"（{variable}），或者 "{other}" 和 "{another}"',
  'the credential "{name}" ({variable})': '凭据 "{name}"（{variable}）',
  'the credential "accounts", or all of "username", "password", "subdomain" and "fulldomain"':
    '凭据 "accounts"，或者 "username"、"password"、"subdomain" 和 "fulldomain" 全部',
  'the credential "{name}" for its `credentialSource`': '它的 `credentialSource` 所需的凭据 "{name}"',
  'the address of the container’s credentials for its `credentialSource`': '它的 `credentialSource` 所需的容器凭据地址',
  'one of the options "sourceProfile", "credentialSource" and "webIdentityTokenFile", which "roleArn" needs':
    '"roleArn" 需要的选项 "sourceProfile"、"credentialSource" 和 "webIdentityTokenFile" 中的一个',
  'the option "credentials": the file with the profile {profile}': '选项 "credentials"：带有 profile {profile} 的文件',
  'the option "credentials": a file of type external_account with this audience':
    '选项 "credentials"：带有这个 audience 的 external_account 类型文件',
  'the address of the container’s credentials {problem}': '容器凭据的地址{problem}',
  'the address in `identityEndpoint` {problem}': '`identityEndpoint` 中的地址{problem}',
  'the `url` of its `credential_source` {problem}': '其 `credential_source` 的 `url` {problem}',
  'is not a URL': '不是 URL',
  'must not have a user or password': '不能带有用户名或密码',
  'must be https, or http to this machine or a link-local address': '必须是 https，只有本机或链路本地地址才可以是 http',
  'must be https, or http to this machine, ECS or EKS': '必须是 https，只有本机、ECS 或 EKS 才可以是 http',

  // What is got, and from where.
  'an access key': '访问密钥',
  'an AccessKey': 'AccessKey',
  'an access token': '访问令牌',
  'a federated token': '联合令牌',
  'a token for {audience}': '{audience} 的令牌',
  'the access token of the service account': '服务账号的访问令牌',
  'the access token': '访问令牌',
  'the project': '项目',
  'instance id': '实例 ID',
  'private address': '私网地址',
  'id or address': 'ID 或地址',
  'the file {file}': '文件 {file}',
  'the address {host}': '地址 {host}',
  'the profile {profile}': '配置文件 {profile}',
  'the program {program} (`credentialProcess`)': '程序 {program} (`credentialProcess`)',
  'the metadata server of this machine': '本机的元数据服务',
  'the identity service at {host}': '{host} 的标识服务',
  'the container’s credentials at {host}': '{host} 的容器凭据',
  'AWS STS for the role {role}': '角色 {role} 的 AWS STS',
  'Alibaba Cloud STS for the role {role}': '角色 {role} 的阿里云 STS',

  // Why not.
  '{server} did not answer: {reason}': '{server} 没有应答：{reason}',
  '{server} answered HTTP {status}': '{server} 应答 HTTP {status}',
  'it answered HTTP {status}, and did not name a key in /var/opt/azcmagent/tokens':
    '它应答 HTTP {status}，没有指明 /var/opt/azcmagent/tokens 中的密钥',
  'it answered HTTP {status}': '它应答 HTTP {status}',
  '{path} has no {fact}': '{path} 没有{fact}',
  'no {role} is attached to this instance': '该实例没有绑定 {role}',
  'the role {role} has no keys': '角色 {role} 没有密钥',
  'the answer with the keys is not JSON': '带有密钥的应答不是 JSON',
  'the answer with the keys is not an object': '带有密钥的应答不是对象',
  'the keys are not available: {code}': '无法提供密钥：{code}',
  '{field} is missing in the answer with the keys': '带有密钥的应答中缺少 {field}',
  'Expiration is no date in the answer with the keys': '带有密钥的应答中 Expiration 不是日期',
  'the token file {file} cannot be read: {reason}': '无法读取令牌文件 {file}：{reason}',
  'the token file {file} is missing or empty': '令牌文件 {file} 不存在或为空',
  'its token is not one line of text': '它的令牌不是一行文本',
  'its answer is not JSON with a token': '它的应答不是带有令牌的 JSON',
  'its answer is not JSON': '它的应答不是 JSON',
  'the access token is no token': '访问令牌无效',
  'it has no token': '它没有令牌',
  'it is not JSON': '它不是 JSON',
  'it is no JSON with the field {field}': '它不是带有字段 {field} 的 JSON',
  'its type is not external_account': '它的类型不是 external_account',
  'its `{field}` is no https:// URL': '其 `{field}` 不是 https:// URL',
  'it has no `{field}`': '它没有 `{field}`',
  'its `credential_source` is a program, and certfleet runs none for it':
    '其 `credential_source` 是程序，而 certfleet 不会为它运行程序',
  'its `credential_source` is neither a file nor a URL, and certfleet takes no other':
    '其 `credential_source` 既不是文件也不是 URL，certfleet 不支持其他方式',
  'Azure Arc has only the identity of the machine: leave out `clientId`': 'Azure Arc 只有机器的标识：请去掉 `clientId`',
  'the key {file} cannot be read: certfleet must be root or in the group himds':
    '无法读取密钥 {file}：certfleet 必须以 root 运行，或者在 himds 组中',
  'it cannot be run: {reason}': '无法运行：{reason}',
  'it did not end within {seconds} s': '{seconds} 秒内没有结束',
  'what it prints is not one JSON object of at most 64 KiB': '它的输出不是一个最多 64 KiB 的 JSON 对象',
  'Version is not 1 in what it prints': '它的输出中 Version 不是 1',
  '{field} is missing in what it prints': '它的输出中缺少 {field}',
  'Expiration is no date in what it prints': '它的输出中 Expiration 不是日期',
  'the keys that it prints have expired': '它输出的密钥已过期',
  'the profile "{profile}" has no keys, and names nothing that has some':
    'profile "{profile}" 没有密钥，也没有指定密钥的来源',
  'its profiles lead from one to the next without an end: {profiles}': '它的 profile 首尾相连，没有尽头：{profiles}',
  '/{path} cannot be read: {reason}': '无法读取 /{path}：{reason}',
  'it is no id of a project': '它不是项目 ID',
  '`privateKey` is no RSA key: give the text of `private_key` in the file of the service account':
    '`privateKey` 不是 RSA 密钥：请填写服务账号文件中 `private_key` 的内容',
  '`credentialProcess` must be a program and its arguments: no shell runs it, so variables, pipes and the like have no meaning, and each quote needs its end':
    '`credentialProcess` 必须是程序及其参数：它不经过 shell，变量、管道等不起作用，引号也必须成对',

  // What to do.
  'Give `backend` with the {what} of the server and its port.': '请给出 `backend`，包括服务器的{what}和端口。',
  'Give the `region`.': '请给出 `region`。',
  'Give accessKeyId and secretAccessKey, or the option `credentials` with a file like ~/.aws/credentials, or attach an IAM role to what certfleet runs on.':
    '请给出 accessKeyId 和 secretAccessKey，或者用选项 `credentials` 指定 ~/.aws/credentials 这样的文件，或者为 certfleet 运行的环境绑定 IAM 角色。',
  '{file} is not read on its own.': 'certfleet 不会自行读取 {file}。',
  'To use it for a DNS provider, add --dns-option credentials={file}; in a configuration, write `credentials: {path}`.':
    '要用于 DNS 服务商，请加上 --dns-option credentials={file}；在配置中请写 `credentials: {path}`。',
  'Let the trust policy of the role name the user or role of {source}, and check `externalId` if the policy asks for one.':
    '请让角色的信任策略写明 {source} 的用户或角色；如果策略要求，请检查 `externalId`。',
  'A role that asks for MFA is of no use here.': '要求 MFA 的角色在这里不可用。',
  'The IAM user or role of these keys (accessKeyId) lacks {right}. Add to its policy: {statement}':
    '这组密钥 (accessKeyId) 的 IAM 用户或角色缺少 {right} 权限。请在它的策略中加上：{statement}',
  'The IAM user or role of these keys (accessKeyId) lacks {right}.':
    '这组密钥 (accessKeyId) 的 IAM 用户或角色缺少 {right} 权限。',
  'Add to its policy: {statement}': '请在它的策略中加上：{statement}',
  'Check the access key id (accessKeyId): it does not exist, is inactive, or its session token is missing.':
    '请检查访问密钥 ID (accessKeyId)：它不存在、已停用，或者缺少会话令牌。',
  'The session token is expired. Give all three keys anew, or let a role give them.':
    '会话令牌已过期。请重新给出这三项，或者改用角色。',
  'Run `{program}` with its arguments by hand; it must print one JSON object with Version 1 and the keys.':
    '请手动执行 `{program}` 及其参数；它必须输出一个带有 Version 1 和密钥的 JSON 对象。',
  'A profile needs keys, `credential_process`, or `role_arn` with `source_profile` or `credential_source`.':
    'profile 需要密钥、`credential_process`，或者 `role_arn` 加上 `source_profile` 或 `credential_source`。',
  'Give `tenantId`, `clientId` and `clientSecret`, or give the machine or pod that certfleet runs on an identity.':
    '请给出 `tenantId`、`clientId` 和 `clientSecret`，或者为运行 certfleet 的机器或 Pod 分配标识。',
  'Check `clientSecret`: it is the value of a secret of this `clientId`, not its id.':
    '请检查 `clientSecret`：它是这个 `clientId` 的机密的值，而不是其 ID。',
  'Make a new `clientSecret`: this one has expired.': '请创建新的 `clientSecret`：现在的已过期。',
  'Check `clientId` and `tenantId`: there is no such application in this tenant.':
    '请检查 `clientId` 和 `tenantId`：这个租户中没有该应用。',
  'Check `tenantId`, `clientId` and `clientSecret`.': '请检查 `tenantId`、`clientId` 和 `clientSecret`。',
  'Check `tenantId`: there is no such tenant in this cloud.': '请检查 `tenantId`：这个云中没有该租户。',
  'Make the file with `gcloud iam workload-identity-pools create-cred-config`, with a file or URL as the source of the token.':
    '请用 `gcloud iam workload-identity-pools create-cred-config` 生成该文件，并以文件或 URL 作为令牌来源。',
  'Check that the provider of the pool takes issuer, audience and subject of the token, and that the service account, if there is one, gives `roles/iam.workloadIdentityUser` to it.':
    '请确认池的提供方接受令牌的 issuer、audience 和 subject，并且（如果有）服务账号已向它授予 `roles/iam.workloadIdentityUser`。',
  'Check `clientEmail` and `privateKey`: the service account or this key of it does not exist any more.':
    '请检查 `clientEmail` 和 `privateKey`：该服务账号或它的这把密钥已不存在。',
  'Make a new key and give its file as `credentials`.': '请创建新密钥，并用 `credentials` 指定其文件。',
  'Give the file of a service account as `credentials`; on a machine of Google Cloud, attach a service account to it.':
    '请用 `credentials` 指定服务账号的文件；在 Google Cloud 的机器上，请为它绑定服务账号。',
  'Add it to the user’s policy at {url}, and check `enterpriseProjectId`.':
    '请在 {url} 为该用户的策略加上，并检查 `enterpriseProjectId`。',
  'The user of `accessKeyId` lacks a permission for this call.': '`accessKeyId` 的用户没有这次调用的权限。',
  'The user of `accessKeyId` lacks {right}.': '`accessKeyId` 的用户缺少 {right} 权限。',
  'cdn:configuration:queryDomains (in an identity policy, cdn:configuration:queryDomainList)':
    'cdn:configuration:queryDomains（身份策略中为 cdn:configuration:queryDomainList）',
  'cdn:configuration:modifyOriginConfInfo and cdn:configuration:modifyHttpsConf':
    'cdn:configuration:modifyOriginConfInfo 和 cdn:configuration:modifyHttpsConf',
};
