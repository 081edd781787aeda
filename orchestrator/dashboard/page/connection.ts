import { applied, type Delta } from '../../snapshot/delta.ts';
import type { Picture } from '../../snapshot/snapshot.ts';

/** Longer than this without news: pushes come every second, so the line is dead even if nobody said so. */
const SILENCE_MS = 6_000;

const REOPEN_MS = 1_000;

export type Link = 'connecting' | 'live' | 'lost';

/** Follows the server's events, and comes back when the line or the server was gone. */
export function follow(onPicture: (picture: Picture) => void, onLink: (link: Link) => void): void {
  let picture: Picture | undefined;
  let source: EventSource;
  let silence: number | undefined;
  const heard = (next: Picture) => {
    picture = next;
    clearTimeout(silence);
    silence = setTimeout(lost, SILENCE_MS);
    onLink('live');
    onPicture(next);
  };
  const open = () => {
    source = new EventSource('events');
    source.addEventListener('picture', event => heard(JSON.parse(event.data) as Picture));
    source.addEventListener('delta', event => {
      // Without the picture that it belongs to a delta says nothing: one comes with every new connection.
      if (picture) heard(applied(picture, JSON.parse(event.data) as Delta));
    });
    source.addEventListener('error', lost);
  };
  const lost = () => {
    clearTimeout(silence);
    source.close();
    picture = undefined;
    onLink('lost');
    setTimeout(open, REOPEN_MS);
  };
  onLink('connecting');
  open();
}
