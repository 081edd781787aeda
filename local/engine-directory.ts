import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { ConfigurationError } from '../core/errors.ts';

/**
 * A database directory has one engine. The file `engine.json` in it is the lock and names its holder:
 *
 *   absent ──claim()──► claimed by a process ──announce()──► serving at an endpoint ──release()──► absent
 *                          │                                   │
 *                          └───── holder and engine dead ──────┴──► moved aside by the next process
 *
 * The file always appears and changes as a whole (link, rename), so a reader never sees half of it. A pid alone does
 * not identify a process, because pids are reused. So the start time of the process is part of its identity.
 */
const processSchema = z.object({ pid: z.number().int().positive(), began: z.string() });
const holderSchema = z.object({
  claim: z.string(),
  owner: processSchema,
  engine: processSchema.extend({ endpoint: z.string() }).optional(),
});

type ProcessName = z.infer<typeof processSchema>;
type Holder = z.infer<typeof holderSchema>;

const LOCK_FILE = 'engine.json';
const POLL_MS = 20;

export interface ClaimedDirectory {
  readonly state: 'claimed';
  /** Tells later processes where the engine of this directory serves. */
  announce(engine: { pid: number; endpoint: string }): Promise<void>;
  release(): Promise<void>;
}

/** Another process of this machine already serves the directory. */
export interface ServedDirectory {
  readonly state: 'served';
  readonly endpoint: string;
  readonly pid: number;
}

/**
 * Takes the directory, or finds the engine that serves it.
 *
 * @param directory absolute path; created if it does not exist
 * @param patienceMs how long to wait for another process that is starting its engine, or for the engine of a dead
 * process to end
 * @throws ConfigurationError when the directory is neither free nor served within that time
 */
export async function claimDirectory(
  directory: string,
  patienceMs: number,
): Promise<ClaimedDirectory | ServedDirectory> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, LOCK_FILE);
  const mine: Holder = { claim: randomUUID(), owner: await nameProcess(process.pid) };
  const deadline = Date.now() + patienceMs;
  for (;;) {
    if (await createWhole(path, mine)) return claimed(path, mine);
    const holder = await readHolder(path);
    if (holder === undefined) continue;
    const ownerLives = await lives(holder.owner);
    const engineLives = holder.engine !== undefined && (await lives(holder.engine));
    if (ownerLives && engineLives && holder.engine) {
      return { state: 'served', endpoint: holder.engine.endpoint, pid: holder.engine.pid };
    }
    if (!ownerLives && !engineLives) {
      await moveAside(path, holder);
      continue;
    }
    if (Date.now() > deadline) {
      const who =
        engineLives && holder.engine ? `engine ${holder.engine.pid}` : `process ${holder.owner.pid}`;
      throw new ConfigurationError(
        `The database in ${directory} is held by ${who}, which does not serve it. End that process, or use another directory.`,
      );
    }
    await sleep(POLL_MS);
  }
}

function claimed(path: string, mine: Holder): ClaimedDirectory {
  return {
    state: 'claimed',
    async announce(engine) {
      const serving: Holder = {
        ...mine,
        engine: { ...(await nameProcess(engine.pid)), endpoint: engine.endpoint },
      };
      const draft = `${path}.${mine.claim}`;
      await writeFile(draft, JSON.stringify(serving));
      await rename(draft, path);
    },
    async release() {
      const holder = await readHolder(path);
      if (holder?.claim === mine.claim) await rm(path, { force: true });
    },
  };
}

/** @returns false if the file already exists */
async function createWhole(path: string, holder: Holder): Promise<boolean> {
  const draft = `${path}.${holder.claim}`;
  await writeFile(draft, JSON.stringify(holder));
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const parsed = holderSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new ConfigurationError(
      `${path} is not what an engine's lock looks like. Remove it if nothing uses the directory.`,
    );
  }
  return parsed.data;
}

/**
 * Two processes that find the same dead holder must not both win. Only the one that moved exactly that file continues.
 */
async function moveAside(path: string, dead: Holder): Promise<void> {
  const aside = `${path}.dead-${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  const moved = await readHolder(aside);
  if (moved !== undefined && moved.claim !== dead.claim) {
    // It was a newer holder's file. Put it back, unless there is yet another one by now.
    await link(aside, path).catch(error => {
      if (!isErrno(error, 'EEXIST')) throw error;
    });
  }
  await rm(aside, { force: true });
}

async function nameProcess(pid: number): Promise<ProcessName> {
  return { pid, began: await beganAt(pid) };
}

async function lives(named: ProcessName): Promise<boolean> {
  try {
    process.kill(named.pid, 0);
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    if (!isErrno(error, 'EPERM')) return false;
  }
  const began = await beganAt(named.pid);
  return began !== '' && began === named.began;
}

/**
 * The start time of a process, as the system tells it: clock ticks since boot on Linux (proc(5), field 22 of stat),
 * else the time that `ps` prints, to the second. It is '' if the process does not exist, or has ended and its parent
 * has not waited for it yet.
 */
export async function beganAt(pid: number, os: NodeJS.Platform = process.platform): Promise<string> {
  try {
    if (os !== 'linux') return await beganAtByPs(pid);
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, and may itself contain blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

/** POSIX has neither option, but BSD, macOS and Linux have both. */
async function beganAtByPs(pid: number): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
  });
  const [state = '', ...began] = stdout.trim().split(/\s+/);
  return state.startsWith('Z') ? '' : began.join(' ');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
