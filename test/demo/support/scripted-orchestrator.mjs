// Replaces dist/orchestrate.mjs where only the reading of its lines is tested. It prints what its arguments say, then
// exits with the code in EXIT_CODE, or waits for a signal if that is "never".
const [lines = '[]'] = process.argv.slice(2);
for (const line of JSON.parse(lines)) process.stdout.write(`${line}\n`);
process.stderr.write('words for people\n');
if (process.env.EXIT_CODE === 'never') {
  if (process.env.DEAF === undefined) process.on('SIGINT', () => process.exit(130));
  else process.on('SIGINT', () => undefined);
  process.stdout.write('{"event":"ready"}\n');
  setInterval(() => undefined, 1000);
} else {
  process.exitCode = Number(process.env.EXIT_CODE ?? 0);
}
