import { applied, type Delta } from '../../snapshot/delta.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';

/** Longer than this without news: pushes come every second, so the line is dead even if nobody said so. */
const SILENCE_MS = 6_000;

const REOPEN_MS = 1_000;

export type Link = 'connecting' | 'live' | 'lost';

/** Follows the server's events, and comes back when the line or the server was gone. */
export function follow(onSnapshot: (snapshot: Snapshot) => void, onLink: (link: Link) => void): void {
  let snapshot: Snapshot | undefined;
  let source: EventSource;
  let silence: number | undefined;
  const heard = (next: Snapshot) => {
    snapshot = next;
    clearTimeout(silence);
    silence = setTimeout(lost, SILENCE_MS);
    onLink('live');
    onSnapshot(next);
  };
  const open = () => {
    source = new EventSource('events');
    source.addEventListener('snapshot', event => heard(JSON.parse(event.data) as Snapshot));
    source.addEventListener('delta', event => {
      // Without the snapshot that it belongs to a delta says nothing: one comes with every new connection.
      if (snapshot) heard(applied(snapshot, JSON.parse(event.data) as Delta));
    });
    source.addEventListener('error', lost);
  };
  const lost = () => {
    clearTimeout(silence);
    source.close();
    snapshot = undefined;
    onLink('lost');
    setTimeout(open, REOPEN_MS);
  };
  onLink('connecting');
  open();
}
