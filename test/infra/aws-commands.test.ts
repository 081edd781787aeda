import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/** The Python of moto's environment, which has botocore and so AWS's own service models. */
const PYTHON = fileURLToPath(new URL('../../.cache/moto-5.2.5/bin/python', import.meta.url));
const VALIDATOR = fileURLToPath(new URL('support/validate_commands.py', import.meta.url));
const canValidate = existsSync(PYTHON);

if (!canValidate && !process.env['CI']) {
  console.warn(
    "\n!!! SKIPPED: the aws commands of the documents were NOT held against AWS's service models.\n!!! Run scripts/moto.sh once, which installs botocore.\n",
  );
}

interface AwsCommand {
  readonly where: string;
  readonly service: string;
  readonly operation: string;
  readonly options: readonly string[];
  /** A command inside a sentence often leaves some options out. */
  readonly whole: boolean;
}

const PAGES = ['docs/deploy.md', 'docs/first-contact.md', 'docs/dashboard.md', 'docs/runbook.md'];

function commandsOf(page: string): AwsCommand[] {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  return text.split(/^ *```.*$/m).flatMap((part, index) => {
    const whole = index % 2 === 1;
    const found = [...part.replaceAll('\\\n', ' ').matchAll(/\baws ([a-z0-9-]+) ([a-z0-9-]+)([^\n`]*)/g)];
    return found.map(([, service = '', operation = '', rest = '']) => ({
      where: page,
      service,
      operation,
      options: optionsOf(rest),
      whole,
    }));
  });
}

/** The options of a command itself, without quoted text and without those of commands inside it. */
function optionsOf(rest: string): string[] {
  let own = rest;
  for (let before = ''; before !== own; ) {
    before = own;
    own = own.replace(/\$\([^()]*\)/g, 'x');
  }
  const [command = ''] = own.replace(/'[^']*'/g, 'x').split(/[);|]/);
  return [...command.matchAll(/--([a-z][a-z0-9-]+)/g)].map(([, option = '']) => option);
}

async function validate(commands: readonly AwsCommand[]) {
  const child = promisify(execFile)(PYTHON, [VALIDATOR]);
  child.child.stdin?.end(JSON.stringify(commands));
  return JSON.parse((await child).stdout) as { checked: number; problems: string[] };
}

describe.skipIf(!canValidate && !process.env['CI'])(
  "the aws commands of the documents, by AWS's own models",
  () => {
    it.each(PAGES)('exist, with their options and all that they need: %s', async page => {
      const { checked, problems } = await validate(commandsOf(page));
      expect(problems).toEqual([]);
      expect(checked).toBeGreaterThan(0);
    });

    it('are refused when the service, command or option does not exist, or a required one is missing', async () => {
      const command = {
        where: 'page',
        service: 'ecs',
        operation: 'stop-task',
        options: ['task'],
        whole: true,
      };
      const { problems } = await validate([
        command,
        { ...command, service: 'moon' },
        { ...command, operation: 'halt-task' },
        { ...command, options: ['task', 'gently'] },
        { ...command, options: [] },
        { ...command, options: [], whole: false },
      ]);
      expect(problems).toEqual([
        'page: there is no service moon',
        'page: ecs has no halt-task',
        'page: ecs stop-task has no --gently',
        'page: ecs stop-task needs --task',
      ]);
    });
  },
);
