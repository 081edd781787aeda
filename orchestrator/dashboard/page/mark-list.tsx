import { clockTime } from '../../snapshot/format.ts';
import type { Mark } from '../../snapshot/snapshot.ts';
import { Scroll } from './scroll.tsx';
import { toneOfMark } from './tones.ts';

/** Shows what happened, with the time of each event. */
export function MarkList({ marks, newestFirst = false }: { marks: readonly Mark[]; newestFirst?: boolean }) {
  const shown = newestFirst ? [...marks].reverse().slice(0, 100) : marks;
  return (
    <Scroll label="What happened, in order of time">
      <ol class="marks">
        {shown.map(({ at, kind, text }) => (
          <li key={`${at} ${text}`}>
            <time dateTime={at}>{clockTime(at)}</time>
            <span class={`dot tone-${toneOfMark(kind)}`} aria-hidden="true" />
            <span>{text}</span>
          </li>
        ))}
      </ol>
    </Scroll>
  );
}
