// Writes dist/sbom.cdx.json, the contents of the two bundles as CycloneDX, from `npm sbom` and from esbuild's
// metafiles. Exits with 1 if a bundle contains something that the lockfile does not know.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const inside = JSON.parse(readFileSync('dist/third-party.json', 'utf8'));
const wanted = new Set(
  Object.values(inside).flatMap(list => list.map(({ name, version }) => `${name}@${version}`)),
);
const sbom = JSON.parse(
  execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  }),
);
const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'));
const self = `${name}@${version}`;
sbom.components = sbom.components
  .filter(component => wanted.has(`${component.name}@${component.version}`))
  // The same package in two places of node_modules counts once.
  .filter((component, index, all) => all.findIndex(({ purl }) => purl === component.purl) === index)
  // Everything in the bundle is shipped, whatever package.json says it is for.
  .map(component => ({ ...component, scope: 'required' }));
const known = new Set(sbom.components.map(component => `${component.name}@${component.version}`));
const unknown = [...wanted].filter(one => !known.has(one));
if (unknown.length > 0) {
  console.error(`Not in the lockfile: ${unknown.join(', ')}`);
  process.exit(1);
}
const refs = new Set([self, ...sbom.components.map(component => component['bom-ref'])]);
sbom.dependencies = [
  { ref: self, dependsOn: [...refs].filter(ref => ref !== self) },
  ...sbom.dependencies
    .filter(({ ref }) => ref !== self && refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(other => refs.has(other)) })),
];
sbom.metadata.component.name = name;
writeFileSync('dist/sbom.cdx.json', `${JSON.stringify(sbom, null, 2)}\n`);
console.log(`${sbom.components.length} packages in dist/sbom.cdx.json`);
