import { clockTime, count } from '../../snapshot/format.ts';
import type { Snapshot, VerificationView } from '../../snapshot/snapshot.ts';
import { Scroll } from './scroll.tsx';

/**
 * Shows the proof of each pass with one cell for each verification segment. A cell is green when the segment was read
 * to its end and no item lacked the attribute.
 */
export function Verification({ snapshot, all = false }: { snapshot: Snapshot; all?: boolean }) {
  const { verifications, run } = snapshot;
  if (verifications.length === 0) {
    return (
      <p class="muted">
        The verification begins when every segment is complete and no task runs any more. It scans the whole
        table with strong consistency, and it divides the table into other segments than the backfill.
      </p>
    );
  }
  return (
    <>
      {[...verifications].reverse().map(verification => (
        <PassVerification
          key={verification.pass}
          verification={verification}
          attribute={run.attribute}
          all={all}
        />
      ))}
    </>
  );
}

function PassVerification({
  verification,
  attribute,
  all,
}: {
  verification: VerificationView;
  attribute: string;
  all: boolean;
}) {
  const { pass, segments, result } = verification;
  const done = segments.filter(segment => segment.done).length;
  return (
    <div class="verification">
      <h3>Pass {pass}</h3>
      <p class={`verdict ${verdictTone(verification)}`}>{verdictOf(verification, attribute)}</p>
      {segments.length > 0 && (
        <div
          class="cells"
          role="img"
          aria-label={`${done} of ${segments.length} verification segments have been read`}
        >
          {segments.map(({ done, missing }, index) => (
            <span
              key={index}
              class={missing > 0 ? 'cell bad' : done ? 'cell good' : 'cell'}
              title={`Segment ${index}`}
            />
          ))}
        </div>
      )}
      {all && segments.length > 0 && <VerificationTable verification={verification} />}
      {result && result.keys.length > 0 && (
        <ul class="keys">
          {result.keys.map(key => (
            <li key={key}>
              <code>{key}</code>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** What the report shows of each verification segment. */
function VerificationTable({ verification: { pass, segments } }: { verification: VerificationView }) {
  return (
    <details>
      <summary>Every verification segment of pass {pass} as a table</summary>
      <Scroll label={`Table of verification segments, pass ${pass}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Segment</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Scanned
              </th>
              <th scope="col" class="number">
                Lacked it
              </th>
            </tr>
          </thead>
          <tbody>
            {segments.map(({ scanned, missing, done }, index) => (
              <tr key={index}>
                <th scope="row">{index}</th>
                <td>{done ? 'read to its end' : 'not finished'}</td>
                <td class="number">{count(scanned)}</td>
                <td class="number">{count(missing)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}

function verdictTone({ result, segments }: VerificationView): string {
  if (!result) return segments.some(({ missing }) => missing > 0) ? 'text-care' : 'muted';
  return result.missing === 0 && !result.notIndexed ? 'text-good' : 'text-care';
}

function verdictOf({ result, segments }: VerificationView, attribute: string): string {
  if (!result) {
    const scanned = segments.reduce((sum, segment) => sum + segment.scanned, 0);
    const done = segments.filter(segment => segment.done).length;
    return `${count(scanned)} items read, ${done} of ${segments.length} segments`;
  }
  const when = `${clockTime(result.startedAt)} to ${clockTime(result.finishedAt)} UTC, ${count(result.readUnits)} read units`;
  const { notIndexed = 0 } = result;
  const nulls =
    (result.nulls > 0 ? `; in ${count(result.nulls)} it is NULL` : '') +
    (notIndexed > 0 ? `; ${count(notIndexed)} items have it and are not in its index` : '');
  return result.missing === 0
    ? `None of ${count(result.scanned)} items lacked "${attribute}"${nulls}. ${when}.`
    : `${count(result.missing)} of ${count(result.scanned)} items lacked "${attribute}"${nulls}. ${when}.`;
}
