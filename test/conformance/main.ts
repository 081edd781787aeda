import { execFileSync, spawn } from 'node:child_process';
import { silenceSdkAdvice } from '../../demo/command-line.ts';
import { compareEngines } from './compare.ts';

/**
 * `npm run test:conformance`: the same questions to dynoxide and to the official DynamoDB Local, and the cases that
 * depend on an engine most, 0 to 3, on DynamoDB Local. `--probes` asks the questions alone.
 */
silenceSdkAdvice();
const folder = execFileSync(process.execPath, ['scripts/dynamodb-local.mjs'], { encoding: 'utf8' }).trim();
process.env['FLEETFILL_DYNAMODB_LOCAL'] = folder;
const compared = await compareEngines();
console.log('| question | answers | |\n|---|---|---|');
for (const { name, answers, expected, handled, identical, holds } of compared) {
  const given = identical
    ? (Object.values(answers)[0] ?? '')
    : [...Object.entries(answers), ['documented', expected ?? 'nothing']]
        .map(([who, what]) => `${who}: ${what}`)
        .join('; ');
  const verdict = identical ? 'same' : holds ? `differs; handled: ${handled}` : '**DIFFERS**';
  console.log(`| ${name} | ${given.replaceAll('|', '\\|')} | ${verdict} |`);
}
const broken = compared.filter(({ holds }) => !holds).length;
console.log(
  `\n${compared.length - broken} of ${compared.length} questions answered alike, or the difference is handled\n`,
);
const code = process.argv.includes('--probes') ? 0 : await casesOnDynamodbLocal();
process.exit(broken === 0 && code === 0 ? 0 : 1);

function casesOnDynamodbLocal(): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      'scripts/run-ts.mjs',
      'test/reliability/main.ts',
      '--case',
      '0,1,2,3',
      '--short',
      '--lanes',
      '1',
      '--retry',
    ],
    { stdio: 'inherit', env: { ...process.env, FLEETFILL_DYNAMODB_LOCAL: folder } },
  );
  return new Promise(resolve => child.once('close', exitCode => resolve(exitCode ?? 1)));
}
