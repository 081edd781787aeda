// Builds the second engine of the conformance tests from source and prints the path of its program:
//   node scripts/dynoxide-rs.mjs
// It comes from crates.io (MIT or Apache-2.0) and needs Rust 1.88 or later. Nothing is built if .cache/ already has it.
// It is a later version of the engine from npm, with years of answers recorded on AWS.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const CRATE = 'dynoxide-rs';
const VERSION = '3.2.0';
const FEATURES = 'native-sqlite,http-server,cli';
const RUST = [1, 88];
const folder = resolve('.cache', `${CRATE}-${VERSION}`);
const program = join(folder, 'bin', 'dynoxide');

function requireRust() {
  const { stdout = '' } = spawnSync('rustc', ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /^rustc (\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  if (major !== undefined && (Number(major) > RUST[0] || Number(minor) >= RUST[1])) return;
  console.error(
    `${CRATE} ${VERSION} is built with Rust ${RUST.join('.')} or later; here: ${stdout?.trim() || 'no rustc'}.`,
  );
  process.exit(1);
}

if (!existsSync(program)) {
  requireRust();
  mkdirSync('.cache', { recursive: true });
  const work = mkdtempSync(resolve('.cache', 'build-'));
  try {
    const root = join(work, 'root');
    const args = ['install', CRATE, '--version', VERSION, '--locked', '--quiet', '--root', root];
    execFileSync('cargo', [...args, '--no-default-features', '--features', FEATURES], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, CARGO_TARGET_DIR: join(work, 'target') },
    });
    rmSync(folder, { recursive: true, force: true });
    renameSync(root, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
console.log(program);
