/** The page's script and style, minified. */
export function buildPage(): Promise<{ readonly script: string; readonly style: string }>;
