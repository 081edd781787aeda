import { execFileSync, spawn } from 'node:child_process';
import { silenceSdkAdvice } from '../../demo/command-line.ts';
import { compareEngines } from './compare.ts';

/**
 * `npm run test:conformance`: asks every engine on this machine the same questions and compares the answers with what
 * AWS does. It also runs cases 1 and 2, which depend most on the engine, on a second engine: DynamoDB Local if
 * FLEETFILL_DYNAMODB_LOCAL names it, else the one that scripts/dynoxide-rs.mjs builds. `--probes` only asks the
 * questions.
 */
silenceSdkAdvice();
const built = execFileSync(process.execPath, ['scripts/dynoxide-rs.mjs'], { encoding: 'utf8' }).trim();
const compared = await compareEngines();
console.log('| question | AWS | engines | where it is written |\n|---|---|---|---|');
for (const { name, answers, aws, handled, identical, holds } of compared) {
  const given = Object.entries(answers).map(([who, what]) => `${who}: ${what}`);
  const verdict = identical
    ? 'the same'
    : `${given.join('; ')}; ${holds ? `handled: ${handled}` : '**DIFFERS**'}`;
  const cells = [name, JSON.stringify(aws.answer), verdict, aws.source];
  console.log(`| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`);
}
const broken = compared.filter(({ holds }) => !holds).length;
const engines = Object.keys(compared[0]?.answers ?? {}).join(', ');
console.log(
  `\n${engines}: ${compared.length - broken} of ${compared.length} questions answered as AWS does, or the difference is handled\n`,
);
const code = process.argv.includes('--probes') ? 0 : await casesOnSecondEngine();
process.exit(broken === 0 && code === 0 ? 0 : 1);

function casesOnSecondEngine(): Promise<number> {
  const environment = process.env['FLEETFILL_DYNAMODB_LOCAL']
    ? process.env
    : { ...process.env, FLEETFILL_DYNOXIDE: built };
  // Conditions, and scans beside live writers. Deaths concern the protocol and need no second engine.
  const cases = ['--case', '1,2', '--short', '--lanes', '1', '--retry'];
  const child = spawn(process.execPath, ['scripts/run-ts.mjs', 'test/reliability/main.ts', ...cases], {
    stdio: 'inherit',
    env: environment,
  });
  return new Promise(resolve => child.once('close', exitCode => resolve(exitCode ?? 1)));
}
