// Fetches the official DynamoDB Local for the tests, which is inside an npm package, and prints the folder to put
// into FLEETFILL_DYNAMODB_LOCAL. It is no dependency of the project; it needs Java 17 or later.
//   export FLEETFILL_DYNAMODB_LOCAL=$(node scripts/dynamodb-local.mjs)
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PACKAGE = 'amplify-dynamodb-simulator@2.9.30';
const SHA256 = '3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9';
const folder = resolve('.cache/dynamodb-local');

if (!existsSync(join(folder, 'DynamoDBLocal.jar'))) {
  mkdirSync('.cache', { recursive: true });
  const work = mkdtempSync('.cache/fetch-');
  try {
    const [{ filename }] = JSON.parse(
      execFileSync('npm', ['pack', PACKAGE, '--json', '--silent', '--pack-destination', work], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const tarball = join(work, filename);
    const sha256 = createHash('sha256').update(readFileSync(tarball)).digest('hex');
    if (sha256 !== SHA256) throw new Error(`${PACKAGE} has the SHA-256 ${sha256}, not ${SHA256}.`);
    execFileSync('tar', ['-xzf', filename, 'package/emulator'], { cwd: work });
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(work, 'package/emulator'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
console.log(folder);
