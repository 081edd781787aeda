import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TASK_ENVIRONMENT_VARIABLES } from '../../core/task-environment.ts';
import { type Instruction, inBuildContext, readDockerfile, type Stage } from './support/dockerfile.ts';
import { FLEET_PARAMETERS, loadTemplate, Rendering } from './support/template.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const { args, stages } = readDockerfile();
const [build, image] = stages as [Stage, Stage];

function every(stage: Stage, name: string): string[] {
  return stage.instructions.filter(instruction => instruction.name === name).map(({ text }) => text);
}

/** COPY's sources and destination, without flags. */
function copied({ text }: Instruction): { flags: string[]; sources: string[]; destination: string } {
  const words = text.split(' ');
  const flags = words.filter(word => word.startsWith('--'));
  const paths = words.filter(word => !word.startsWith('--'));
  return { flags, sources: paths.slice(0, -1), destination: paths.at(-1) ?? '' };
}

describe('the Dockerfile', () => {
  it('has a stage that builds and a stage that runs, both on the one pinned base', () => {
    expect(stages.map(stage => stage.name)).toEqual(['build', '1']);
    expect(stages.map(stage => stage.image)).toEqual([`\${NODE_IMAGE}`, `\${NODE_IMAGE}`]);
    expect(args.get('NODE_IMAGE')).toMatch(/^node:\d+\.\d+\.\d+-[a-z]+-slim(@sha256:[0-9a-f]{64})?$/);
  });

  it('takes an LTS line of Node, the one whose memory is measured, not below the floor of package.json', () => {
    const [major = 0, minor = 0] = (/^node:(\d+)\.(\d+)/.exec(args.get('NODE_IMAGE') ?? '') ?? [])
      .slice(1)
      .map(Number);
    // Even versions become LTS in October of their year, with a minor release of about 10.
    expect(major % 2).toBe(0);
    expect(minor).toBeGreaterThanOrEqual(9);
    const read = (path: string) => readFileSync(join(repository, path), 'utf8');
    expect(read('docs/performance.md')).toContain(`On the image's Node ${major} `);
    const { engines, devDependencies } = JSON.parse(read('package.json'));
    const floor = /^>=(\d+)\.(\d+)$/.exec(engines.node);
    expect(major).toBeGreaterThan(Number(floor?.[1]));
    // Development, build target and promise name the same lowest version.
    expect(read('.nvmrc').trim()).toBe(floor?.[1]);
    expect(read('scripts/bundle-settings.mjs')).toContain(`target: 'node${floor?.[1]}.${floor?.[2]}'`);
    expect(devDependencies['@types/node']).toMatch(new RegExp(`^${floor?.[1]}\\.`));
  });

  it('runs nothing in the last stage, so that it needs no emulation for another architecture', () => {
    expect(every(image, 'RUN')).toEqual([]);
  });

  it('runs as the user that the task definition names, without an entry point, with its command', () => {
    const [container] = new Rendering(loadTemplate('fleet'), FLEET_PARAMETERS).properties(
      'TaskDefinition',
    ).ContainerDefinitions;
    expect(every(image, 'USER')).toEqual([container.User]);
    expect(container.User).not.toMatch(/^(0|root)\b/);
    expect(every(image, 'ENTRYPOINT')).toEqual(['[]']);
    expect(JSON.parse(every(image, 'CMD')[0] ?? '')).toEqual(container.Command);
    expect(container.Command).toEqual(['node', 'job.mjs']);
  });

  it('carries the labels of the OCI image specification, with the base that it is built on', () => {
    const labels = every(image, 'LABEL').join(' ');
    for (const key of ['title', 'description', 'licenses', 'version', 'revision', 'base.name']) {
      expect(labels).toContain(`org.opencontainers.image.${key}=`);
    }
    expect(labels).toContain(`docker.io/library/${args.get('NODE_IMAGE')?.split('@')[0]}`);
    expect(every(image, 'ARG')).toContain(
      `VERSION=${JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')).version}`,
    );
  });

  it('lets sources in and everything else stay out', () => {
    expect(
      ['package.json', 'core/metrics.ts', 'scripts/build.mjs'].filter(path => !inBuildContext(path)),
    ).toEqual([]);
    const outside = [
      '.git/config',
      'node_modules/zod/package.json',
      'docs/deploy.md',
      '.env',
      'dist/job.mjs',
      'test/x.ts',
    ];
    expect(outside.filter(inBuildContext)).toEqual([]);
  });
});

// There is no Docker engine here, so the test performs each instruction itself, in order, in empty folders.
describe('the steps of the Dockerfile, done in an empty folder', () => {
  let root: string;
  let app: string;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'fleetfill-image-'));
    const context = join(root, 'context');
    const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
      cwd: repository,
      encoding: 'utf8',
    });
    for (const path of tracked.split('\n').filter(inBuildContext)) {
      const from = join(repository, path);
      if (!statSync(from, { throwIfNoEntry: false })?.isFile()) continue;
      mkdirSync(dirname(join(context, path)), { recursive: true });
      cpSync(from, join(context, path));
    }
    const filesystem = join(root, 'build');
    perform(build, { filesystem, from: () => context });
    app = perform(image, { filesystem: join(root, 'image'), from: () => filesystem });
  }, 300_000);

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('leave both bundles, their licences, and nothing else', () => {
    const files = readdirSync(app).sort();
    expect(files.filter(file => file.endsWith('.mjs'))).toEqual(['job.mjs', 'orchestrate.mjs']);
    expect(files.filter(file => !file.endsWith('.mjs'))).toEqual([
      'job.mjs.LEGAL.txt',
      'orchestrate.mjs.LEGAL.txt',
    ]);
  });

  it('leave a worker that, without an environment, names all that is missing and ends with 2', () => {
    const [command = '', ...rest] = JSON.parse(every(image, 'CMD')[0] ?? '[]') as string[];
    expect(command).toBe('node');
    const { status, stdout, stderr } = spawnSync(process.execPath, rest, {
      cwd: app,
      env: {},
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(status).toBe(2);
    const unnamed = TASK_ENVIRONMENT_VARIABLES.filter(name => !`${stdout}${stderr}`.includes(name));
    expect(unnamed).toEqual([]);
  });

  it('leave an orchestrator that can run as a task too', () => {
    const { status, stdout } = spawnSync(process.execPath, ['orchestrate.mjs', '--help'], {
      cwd: app,
      env: {},
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(status).toBe(0);
    expect(stdout).toContain('--segments');
  });
});

interface Ground {
  /** The folder that represents the stage's root. */
  readonly filesystem: string;
  /** The folder that a COPY reads from. */
  readonly from: (flags: readonly string[]) => string;
}

/** The paths below a folder that a COPY source names. `*` may be in its last part. */
function pathsLike(folder: string, source: string): string[] {
  const pattern = new RegExp(`^${basename(source).replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
  const parent = dirname(source);
  if (source === '.') return ['.'];
  return readdirSync(join(folder, parent))
    .filter(name => pattern.test(name))
    .map(name => join(parent, name));
}

/**
 * Performs WORKDIR, COPY and RUN of a stage.
 * @returns the folder of its last WORKDIR.
 */
function perform(stage: Stage, { filesystem, from }: Ground): string {
  let directory = filesystem;
  for (const instruction of stage.instructions) {
    switch (instruction.name) {
      case 'WORKDIR':
        directory = join(filesystem, instruction.text);
        mkdirSync(directory, { recursive: true });
        break;
      case 'COPY': {
        const { flags, sources, destination } = copied(instruction);
        const origin = from(flags);
        for (const source of sources) {
          const found = pathsLike(origin, source);
          if (found.length === 0) throw new Error(`COPY ${source}: no such file`);
          for (const path of found) {
            const isFolder = statSync(join(origin, path)).isDirectory();
            cpSync(
              join(origin, path),
              isFolder ? join(directory, destination) : join(directory, destination, basename(path)),
              {
                recursive: true,
              },
            );
          }
        }
        break;
      }
      case 'RUN': {
        const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', instruction.text], {
          cwd: directory,
          encoding: 'utf8',
          env: { ...process.env, NODE_ENV: undefined, npm_config_prefer_offline: 'true' },
        });
        if (status !== 0) throw new Error(`RUN ${instruction.text} ended with ${status}\n${stdout}${stderr}`);
        break;
      }
      default:
        break;
    }
  }
  return directory;
}
