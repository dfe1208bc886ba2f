/** What the test of a connection has done and seen, step by step. */
export const trialFindings: Readonly<Record<string, string>> = {
  // Of a DNS provider.
  '{name} is in the zone {zone}, which the solver {solver} writes, with 1 name server at 1 address':
    '{name} 在区域 {zone} 中，由 {solver} 写入；1 台 DNS 服务器，1 个地址',
  '{name} is in the zone {zone}, which the solver {solver} writes, with 1 name server at {addresses} addresses':
    '{name} 在区域 {zone} 中，由 {solver} 写入；1 台 DNS 服务器，{addresses} 个地址',
  '{name} is in the zone {zone}, which the solver {solver} writes, with {servers} name servers at {addresses} addresses':
    '{name} 在区域 {zone} 中，由 {solver} 写入；{servers} 台 DNS 服务器，{addresses} 个地址',
  '{name} is in the zone {zone}, with 1 name server at 1 address': '{name} 在区域 {zone} 中；1 台 DNS 服务器，1 个地址',
  '{name} is in the zone {zone}, with 1 name server at {addresses} addresses':
    '{name} 在区域 {zone} 中；1 台 DNS 服务器，{addresses} 个地址',
  '{name} is in the zone {zone}, with {servers} name servers at {addresses} addresses':
    '{name} 在区域 {zone} 中；{servers} 台 DNS 服务器，{addresses} 个地址',
  'the provider takes the credentials for {zone}': '服务商接受用于 {zone} 的凭据',
  'a TXT value at {name} with a TTL of {ttl} s': '{name} 的一条 TXT 记录，TTL 为 {ttl} 秒',
  'the only server has it': '唯一的服务器已有该记录',
  'both servers have it': '两台服务器都已有该记录',
  'both servers have it; the last one was {server}': '两台服务器都已有该记录，最后一台是 {server}',
  'all {count} servers have it; the last one was {server}': '{count} 台服务器都已有该记录，最后一台是 {server}',
  'nothing: the service keeps the last {count} values of a name, and removes none':
    '无需删除：该服务只保留每个名称最后 {count} 个值，不提供删除',
  'the API no longer lists it': 'API 的列表中已没有它',
  'the API took the removal': 'API 已接受删除',
  'no server answers with it any more': '所有服务器都不再返回它',
  'still answered by {servers}': '{servers} 仍然返回它',

  // Of a balancer.
  'it listens at {address}': '监听在 {address}',
  'a rule for {host} and {path}, to {server}': '一条规则：{host}的 {path}，转到 {server}',
  'a rule for {host} and {path}': '一条规则：{host}的 {path}',
  'the balancer has the answer': '负载均衡已有应答',
  'not requested, because no address is known: name a host that leads to the balancer':
    '没有请求，因为不知道地址：请填写指向负载均衡的主机名',
  'not requested, because {host} has no address': '没有请求，因为 {host} 没有地址',
  'cannot be told from here: {findings}': '从这里无法判断：{findings}',
  'every address gives certfleet’s answer': '每个地址都给出了 certfleet 的应答',
  'the listener has no such rule any more': '监听上已没有这条规则',

  // Of a CA.
  '{directory}, terms of service: {terms}': '{directory}，服务条款：{terms}',
};
