import { fileURLToPath } from 'node:url';
import { shellExports, startLocalStack } from '../../local/local-stack.ts';
import { EXIT, type ExitCode } from '../cli/exit-codes.ts';
import type { CommandContext } from '../session.ts';

/** The worker's bundle lies beside this one. */
const jobBundle = () => fileURLToPath(new URL('job.mjs', import.meta.url));

/** A folder keeps the database; without one it is in memory. */
function directoryOf(local: string | undefined): string | undefined {
  return local === undefined || local === '' ? undefined : local;
}

/** The options that give the tables a capacity, as local/capacity/ takes them. */
function capacityOf({ writeCapacity, readCapacity, partitions, latency }: CommandContext['settings']) {
  if ([writeCapacity, readCapacity, partitions, latency].every(given => given === undefined))
    return undefined;
  return {
    writeUnitsPerSecond: writeCapacity,
    readUnitsPerSecond: readCapacity,
    partitions,
    latencyMs: latency,
  };
}

/** `orchestrate local`: DynamoDB, ECS and CloudWatch on this machine until Ctrl-C. */
export async function local(
  { settings, output, detach }: CommandContext,
  directory: string | undefined,
): Promise<ExitCode> {
  const stack = await startLocalStack({
    jobBundle: jobBundle(),
    directory: directoryOf(directory),
    capacity: capacityOf(settings),
  });
  try {
    process.stdout.write(`${shellExports(stack.environment)}\n`);
    output.say(`Tasks log to ${stack.logDirectory}. Ctrl-C ends everything.`);
    await new Promise<void>(resolve => detach.addEventListener('abort', () => resolve(), { once: true }));
  } finally {
    await stack.stop();
  }
  return EXIT.ok;
}

/** Runs a command against a stack of its own on this machine, by the same endpoints that an SDK reads anyway. */
export async function withLocalStack<T>(directory: string, command: () => Promise<T>): Promise<T> {
  const stack = await startLocalStack({ jobBundle: jobBundle(), directory: directoryOf(directory) });
  Object.assign(process.env, stack.environment);
  try {
    return await command();
  } finally {
    await stack.stop();
  }
}
