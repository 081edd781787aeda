import type { Clock } from '../../core/clock.ts';
import { PlainDisplay } from './plain-display.ts';
import { RunView } from './run-view.ts';

export interface ViewPlace {
  readonly stream: NodeJS.WriteStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly json: boolean;
}

/**
 * Opens the view of a run. It is live on a terminal. It prints plain lines elsewhere, and if NO_COLOR or --json asks
 * for them.
 */
export async function openView({ stream, environment, json }: ViewPlace, clock: Clock): Promise<RunView> {
  const live = stream.isTTY && !json && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  if (!live) return new RunView(new PlainDisplay(text => stream.write(text), clock), clock);
  const { LiveDisplay } = await import('./live-display.ts');
  return new RunView(new LiveDisplay(stream), clock);
}
