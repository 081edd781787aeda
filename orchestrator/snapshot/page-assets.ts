/** scripts/build.mjs inserts this, so that the bundle needs no other file. */
declare const FLEETFILL_PAGE: PageAssets | undefined;

export interface PageAssets {
  /** The page's code, as a classic script. */
  readonly script: string;
  readonly style: string;
}

/** @throws Error when it runs from source: only a bundle contains the built page. */
export function pageAssets(): PageAssets {
  if (typeof FLEETFILL_PAGE === 'undefined')
    throw new Error('The page exists only in the bundle that scripts/build.mjs builds.');
  return FLEETFILL_PAGE;
}

/** The HTML of the dashboard's page. It loads its script and style from the same server. */
export function pageHtml(): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Fleetfill</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css">
</head>
<body>
<div id="page"><main><h1>Fleetfill</h1><p>Reading the control table …</p></main></div>
<script src="page.js"></script>
</body>
</html>
`;
}
