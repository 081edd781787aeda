// Collects the licences of a bundle's contents: of every package in it, the whole licence and notices. A package
// without either fails the build.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const LICENCE_FILE = /^(licen[sc]e|copying|notice)/i;
/** The head of a source file: its line comments, or its first block comment. */
const HEAD = /^(?:#!.*\n)?\s*((?:\/\/.*\n)+|\/\*[\s\S]*?\*\/)/;
/** What a source file's head must contain to count as a licence text, for packages without a licence file. */
const IN_FULL = { 'BSD-3-Clause': 'Neither the name of', MIT: 'Permission is hereby granted' };

/**
 * @param {string} root
 * @param {readonly import('esbuild').Metafile[]} metafiles of all that the bundle is made of
 * @returns {Promise<{ name: string, version: string, licence: string, texts: string[] }[]>} by name
 */
export async function thirdPartyOf(root, metafiles) {
  const sources = new Map();
  for (const source of metafiles.flatMap(({ outputs }) => Object.values(outputs).flatMap(inputsOf))) {
    const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(source) ?? [];
    if (folder !== undefined) sources.set(folder, [...(sources.get(folder) ?? []), source]);
  }
  const packages = await Promise.all([...sources].map(([folder, files]) => describe(root, folder, files)));
  const key = ({ name, version }) => `${name} ${version}`;
  return packages.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

function inputsOf({ inputs }) {
  return Object.entries(inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([source]) => source);
}

async function describe(root, folder, files) {
  const {
    name,
    version,
    license: licence,
  } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'));
  if (typeof licence !== 'string') throw new Error(`${name} ${version} names no licence.`);
  const found = (await readdir(join(root, folder))).filter(file => LICENCE_FILE.test(file)).sort();
  const read = await Promise.all(found.map(file => readFile(join(root, folder, file), 'utf8')));
  if (read.length > 0) return { name, version, licence, texts: read };
  const heads = await noticesIn(root, files);
  const ids = licence.replace(/[()]/g, '').split(/ AND /);
  for (const id of ids) {
    const inFull = IN_FULL[id] !== undefined && heads.some(head => head.includes(IN_FULL[id]));
    if (id !== 'Apache-2.0' && !inFull)
      throw new Error(`The licence of ${name} ${version}, ${id}, was not found.`);
  }
  const apache = ids.includes('Apache-2.0')
    ? [await readFile(join(root, 'scripts/apache-2.0.txt'), 'utf8')]
    : [];
  return { name, version, licence, texts: [...heads, ...apache] };
}

/** Copyright notices in the heads of source files, without repetitions. */
async function noticesIn(root, files) {
  const texts = await Promise.all(files.map(file => readFile(join(root, file), 'utf8')));
  const heads = texts.map(text => HEAD.exec(text)?.[1] ?? '').filter(head => /copyright/i.test(head));
  return [...new Set(heads)].map(head => head.replace(/^\s*(\/\/|\/\*+|\*\/?) ?/gm, '').trim());
}

/**
 * All licences as one text, each one once, with the packages under it.
 *
 * @param {string} bundle its file name
 * @param {Awaited<ReturnType<typeof thirdPartyOf>>} packages
 */
export function licencesText(bundle, packages) {
  const groups = new Map();
  for (const { name, version, licence, texts } of packages) {
    const text = texts.map(one => one.trim()).join('\n\n');
    groups.set(text, [...(groups.get(text) ?? []), `${name} ${version} (${licence})`]);
  }
  const parts = [...groups].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`);
  const rule = `\n${'-'.repeat(80)}\n\n`;
  return `${bundle} contains the following packages, each under its licence.\n${rule}${parts.join(rule)}`;
}
