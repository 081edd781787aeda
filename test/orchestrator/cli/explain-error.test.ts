import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CredentialsError, PreflightError } from '../../../core/errors.ts';
import { explainError } from '../../../orchestrator/cli/explain-error.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleetfill-profiles-'));
  await writeFile(join(folder, 'config'), '[default]\nregion=x\n[profile two]\n [ profile "three" ] \n');
  await writeFile(join(folder, 'credentials'), '[four]\naws_access_key_id=x\n');
});
afterAll(() => rm(folder, { recursive: true }));

const refused = new PreflightError('The table cannot be described.', {
  cause: new CredentialsError('DynamoDB has not accepted the credentials.'),
});
const adviceWith = (profile: string | undefined) => {
  const files = {
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
  };
  return explainError(refused, { ...files, ...(profile && { AWS_PROFILE: profile }) }, false).words;
};

test.each([undefined, 'default', 'two', 'three', 'four'])(
  'with the profile %s, to log in is advised',
  profile => {
    expect(adviceWith(profile)).toMatch(/Log in again/);
  },
);

test('a profile that no file has is named', () => {
  expect(adviceWith('five')).toMatch(/AWS_PROFILE names the profile five, and neither/);
  expect(explainError(refused, { AWS_PROFILE: 'five', HOME: '/nonexistent' }, false)).toMatchObject({
    words: expect.stringContaining('the profile five'),
    exitCode: 3,
  });
});
