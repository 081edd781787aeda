/** The page's program and style, minified. */
export function buildPage(): Promise<{ readonly script: string; readonly style: string }>;
