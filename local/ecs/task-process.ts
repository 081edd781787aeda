import { access, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type GuardedProcess, type ProcessEnd, startGuarded } from '../guarded-process.ts';

/** Stands for the container image on this machine. */
export interface Image {
  /** Absolute paths of the files in the image, by their names there: `job.mjs`, `orchestrate.mjs`. */
  readonly bundles: Readonly<Record<string, string>>;
  /** PATH of the process. */
  readonly path: string;
}

export interface ContainerStart {
  readonly image: Image;
  /** Entry point and command of the container, joined: `['node', 'job.mjs', …]`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute path. The container's stdout and stderr are appended to the file. */
  readonly logFile: string;
}

export interface Container {
  readonly process: GuardedProcess;
  /** The exit code as a container runtime reports it. The container's directory is gone by then. */
  readonly exited: Promise<number>;
}

/** A container could not be started. `message` begins with the error name that ECS gives in stoppedReason. */
export class ContainerStartError extends Error {}

/**
 * Starts the container's command as a process of this machine, with this Node for `node`, the bundle for its name, and
 * an empty directory as the working directory. The process ends with ours.
 *
 * @throws ContainerStartError when a bundle is missing, or the image does not have the command
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
      // As in a container, the home directory holds nobody's settings.
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

/** A process ended by signal N has the exit code 128 + N, as in container runtimes. */
function exitCode({ exitCode, signal }: ProcessEnd): number {
  return signal === null ? (exitCode ?? 0) : 128 + constants.signals[signal];
}
