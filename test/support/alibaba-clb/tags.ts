import { ApiError, invalid, missing } from './api-error.ts';
import type { Action, Call } from './find.ts';
import { balancerArn, certificateArn, findRegion } from './find.ts';
import { hasTags } from './groups.ts';
import type { Tags } from './model.ts';

/** How many tags one answer of ListTagResources holds at most. */
const pageSize = 50;
const types = ['instance', 'certificate', 'acl', 'listener', 'vservergroup', 'masterslaveservergroup'] as const;

/** Everything of the type in the region that has an id. Listeners, ACLs and groups of two are not kept here. */
function resources(call: Call, type: string, region: string): Map<string, Tags> {
  const { cloud } = call;
  const all: { id: string; region: string; tags: Tags }[] =
    type === 'instance'
      ? [...cloud.balancers.values()]
      : type === 'certificate'
        ? [...cloud.certificates.values()]
        : type === 'vservergroup'
          ? [...cloud.groups.values()].map(({ id, balancer, tags }) => ({ id, region: balancer.region, tags }))
          : [];
  return new Map(all.filter((one) => one.region === region).map(({ id, tags }) => [id, tags]));
}

function readType(call: Call): string {
  const type = call.parameters.oneOf('ResourceType', types);
  if (type === undefined) throw missing('ResourceType');
  return type;
}

/** The tags of each resource that the call names. */
function named(call: Call): Map<string, Tags> {
  const all = resources(call, readType(call), findRegion(call));
  const ids = call.parameters.list('ResourceId');
  if (ids.length === 0) throw missing('ResourceId.1');
  if (ids.length > 20) throw invalid('The specified parameter ResourceId is not valid.');
  return new Map(
    ids.map((id) => {
      const tags = all.get(id);
      if (tags === undefined) throw invalid('The specified resource does not exist.');
      return [id, tags];
    }),
  );
}

const onResources = (call: Call): string[] => {
  const ids = call.parameters.list('ResourceId');
  const type = call.parameters.text('ResourceType');
  if (type === 'certificate') return (ids.length === 0 ? [undefined] : ids).map((id) => certificateArn(call, id));
  if (type === 'instance' && ids.length > 0) return ids.map((id) => balancerArn(call, id));
  const owners = ids.map((id) => call.cloud.groups.get(id)?.balancer.id);
  return owners.length === 0 ? [balancerArn(call, undefined)] : owners.map((id) => balancerArn(call, id));
};

export const tagActions: Readonly<Record<string, Action>> = {
  TagResources: {
    resources: onResources,
    run(call) {
      const found = named(call);
      const more = call.parameters.tags();
      if (more.size === 0) throw missing('Tag.1.Key');
      for (const tags of found.values())
        if (new Set([...tags.keys(), ...more.keys()]).size > call.cloud.quotas.tagsOfResource)
          throw new ApiError('TagCountLimit');
      for (const tags of found.values()) for (const [key, value] of more) tags.set(key, value);
      return {};
    },
  },
  UntagResources: {
    resources: onResources,
    run(call) {
      const found = named(call);
      const keys = call.parameters.list('TagKey');
      if (keys.length > 20) throw invalid('The specified parameter TagKey is not valid.');
      const all = keys.length === 0 && call.parameters.flag('All');
      for (const tags of found.values()) {
        if (all) tags.clear();
        for (const key of keys) tags.delete(key);
      }
      return {};
    },
  },
  ListTagResources: {
    resources: onResources,
    run(call) {
      const type = readType(call);
      const all = resources(call, type, findRegion(call));
      const [ids, wanted] = [call.parameters.list('ResourceId'), call.parameters.tags()];
      if (ids.length === 0 && wanted.size === 0) throw new ApiError('MissingParameter');
      if (ids.length > 20) throw invalid('The specified parameter ResourceId is not valid.');
      const rows = [...all]
        .filter(([id, tags]) => (ids.length === 0 || ids.includes(id)) && hasTags(tags, wanted))
        .flatMap(([ResourceId, tags]) =>
          [...tags].map(([TagKey, TagValue]) => ({ ResourceId, ResourceType: type, TagKey, TagValue })),
        );
      const start = call.parameters.integer('NextToken', 0, 1_000_000) ?? 0;
      return {
        TagResources: { TagResource: rows.slice(start, start + pageSize) },
        NextToken: start + pageSize < rows.length ? String(start + pageSize) : '',
      };
    },
  },
};
