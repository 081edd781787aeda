import { applied, type Delta } from '../../snapshot/delta.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';

/** Pushes arrive every second. After this long without one, the connection is dead even if no error was reported. */
const SILENCE_MS = 6_000;

const REOPEN_MS = 1_000;

export type Link = 'connecting' | 'live' | 'lost';

/** Follows the server's events and reconnects after the connection or the server was lost. */
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
      // A delta needs the snapshot that it builds on. Every new connection starts with one.
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
