import { expect, it } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { homepage, version } from './version.ts';

it('is the version of the package', () => {
  expect(version).toBe(packageJson.version);
});

it('is the home of the package', () => {
  const { homepage: stated, repository } = packageJson;
  expect({ stated, repository }).toEqual({
    stated: homepage,
    repository: { type: 'git', url: `git+${homepage}.git` },
  });
});
