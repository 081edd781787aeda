import { createHash } from 'node:crypto';
import { pageAssets } from '../snapshot/page-assets.ts';
import { markdownReport } from './markdown.ts';
import type { RunReport } from './read-report.ts';

/**
 * Writes one file that needs no other file and no network. It holds the page's script and style, and the run as data.
 * Its content security policy allows only these two, by their hashes, so nothing in the data can run or fetch anything.
 * Without scripts the file shows the Markdown report.
 */
export function htmlReport(report: RunReport): string {
  const { script, style } = pageAssets();
  const { snapshot, evidence } = report;
  const policy = `default-src 'none'; script-src '${hashOf(script)}'; style-src '${hashOf(style)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Fleetfill: ${escapeHtml(`${snapshot.run.table}, run ${snapshot.run.runId}`)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<div id="page"></div>
<noscript><pre>${escapeHtml(markdownReport(report))}</pre></noscript>
<script type="application/json" id="report-data">${escapeJson(JSON.stringify({ snapshot, evidence }))}</script>
<script>${script}</script>
</body>
</html>
`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/**
 * In a script element, only these characters can end it or change how it is parsed [HTML: restrictions for contents of
 * script].
 */
function escapeJson(json: string): string {
  return json.replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}
