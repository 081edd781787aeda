import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Bundles {
  readonly orchestrate: string;
  readonly job: string;
  remove(): Promise<void>;
}

/** Copies the two bundles, so that a build during the suite changes nothing for it. */
export async function copyBundles(from = 'dist'): Promise<Bundles> {
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-bundles-'));
  const copy = async (name: string) => {
    const path = join(directory, name);
    await copyFile(resolve(from, name), path);
    return path;
  };
  return {
    orchestrate: await copy('orchestrate.mjs'),
    job: await copy('job.mjs'),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
