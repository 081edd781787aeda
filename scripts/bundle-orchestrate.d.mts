import type { Metafile } from 'esbuild';

export function bundleOrchestrate(options: {
  readonly root: string;
  readonly outfile: string;
  readonly define: Readonly<Record<string, string>>;
}): Promise<{ readonly program: Metafile; readonly front: Metafile }>;
