import { access, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type GuardedProcess, type ProcessEnd, startGuarded } from '../guarded-process.ts';

/** What stands for the container image on this machine. */
export interface Image {
  /** Absolute paths of the files that the image holds, by their names there: `job.mjs`, `orchestrate.mjs`. */
  readonly bundles: Readonly<Record<string, string>>;
  /** PATH of the process. */
  readonly path: string;
}

export interface ContainerStart {
  readonly image: Image;
  /** Entry point and command of the container, joined: `['node', 'job.mjs', …]`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute path; stdout and stderr of the container are appended to it. */
  readonly logFile: string;
}

export interface Container {
  readonly process: GuardedProcess;
  /** Exit code as a container runtime tells it; its directory is gone by then. */
  readonly exited: Promise<number>;
}

/** A container could not be started. `message` begins with the error name that ECS gives in stoppedReason. */
export class ContainerStartError extends Error {}

/**
 * Starts the container's command as a process of this machine: this Node for `node`, the bundle for its name,
 * an empty directory for the image's working directory. The process ends with ours.
 *
 * @throws ContainerStartError when a bundle that it names is not there, or the command is not one that the image has
 */
export async function startContainer(start: ContainerStart): Promise<Container> {
  const { bundles, path } = start.image;
  const [program, ...words] = start.command;
  const args = words.map(word => bundles[word] ?? word);
  for (const bundle of words.flatMap(word => bundles[word] ?? [])) {
    await access(bundle).catch(cause => {
      throw new ContainerStartError(`CannotPullContainerError: there is no ${bundle} on this machine`, {
        cause,
      });
    });
  }
  if (program !== 'node') {
    throw new ContainerStartError(
      `CannotStartContainerError: exec: "${program ?? ''}": executable file not found in $PATH`,
    );
  }
  await mkdir(dirname(start.logFile), { recursive: true });
  const directory = await mkdtemp(join(tmpdir(), 'fleetfill-task-'));
  const log = await open(start.logFile, 'a');
  try {
    const process_ = await startGuarded({
      command: process.execPath,
      args,
      // As in a container, home is a place that holds nobody's settings.
      environment: { ...start.environment, PATH: path, HOME: directory },
      directory,
      output: log.fd,
    });
    const exited = process_.ended.then(async end => {
      await rm(directory, { recursive: true, force: true });
      return exitCode(end);
    });
    return { process: process_, exited };
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw new ContainerStartError(`CannotStartContainerError: ${String(cause)}`, { cause });
  } finally {
    await log.close();
  }
}

/** A process that signal N ended has the exit code 128 + N, as container runtimes have it. */
function exitCode({ exitCode, signal }: ProcessEnd): number {
  return signal === null ? (exitCode ?? 0) : 128 + constants.signals[signal];
}
