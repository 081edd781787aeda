import { count } from '../../snapshot/format.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { Scroll } from './scroll.tsx';

/** Shows the items that could not be written, each with the reason. */
export function Quarantine({ snapshot }: { snapshot: Snapshot }) {
  const { open, resolved, items } = snapshot.quarantine;
  if (items.length === 0) return <p class="muted">No item is in quarantine.</p>;
  return (
    <>
      <p class={open > 0 ? 'text-bad' : 'muted'}>
        {count(open)} {open === 1 ? 'item lacks' : 'items lack'} the attribute and could not be written
        {resolved > 0 && `; ${count(resolved)} were resolved later`}.
      </p>
      <Scroll label="Table of quarantined items">
        <table>
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Reason</th>
              <th scope="col" class="number">
                Attempts
              </th>
              <th scope="col">Now</th>
            </tr>
          </thead>
          <tbody>
            {items.map(({ key, reason, attempts, resolved }) => (
              <tr key={key}>
                <th scope="row">
                  <code>{key}</code>
                </th>
                <td class="text">{reason}</td>
                <td class="number">{attempts}</td>
                <td>{resolved ?? 'lacks it'}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {items.length < open + resolved && (
          <p class="muted">For the other {count(open + resolved - items.length)}: orchestrate failures</p>
        )}
      </Scroll>
    </>
  );
}
