import type { Evidence } from '../../snapshot/evidence.ts';
import { clockTime, count, shortLaunch } from '../../snapshot/format.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { Scroll } from './scroll.tsx';

export function Options({ evidence }: { evidence: Evidence }) {
  return (
    <dl class="facts-list">
      {evidence.options.map(({ name, value }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Changes({ evidence }: { evidence: Evidence }) {
  return (
    <div class="wide">
      <table>
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
          </tr>
        </thead>
        <tbody>
          {evidence.changes.map(({ at, by, what, detail }) => (
            <tr key={at}>
              <th scope="row" class="tight">
                {at.slice(0, 19).replace('T', ' ')}
              </th>
              <td class="text who">{by}</td>
              <td class="text">
                {what}
                {detail && `: ${detail}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Consumption({ evidence }: { evidence: Evidence }) {
  return (
    <>
      <table>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col" class="number">
              Consumed
            </th>
            <th scope="col" class="number">
              Expected
            </th>
          </tr>
        </thead>
        <tbody>
          {evidence.consumption.map(({ what, consumed, expected }) => (
            <tr key={what}>
              <th scope="row">{what}</th>
              <td class="number">{consumed}</td>
              <td class="number">{expected}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {evidence.consumptionNotes.map(note => (
        <p key={note} class="muted">
          {note}
        </p>
      ))}
    </>
  );
}

export function WayBack({ evidence }: { evidence: Evidence }) {
  return (
    <>
      {evidence.wayBack.paragraphs.map(paragraph => (
        <p key={paragraph}>{paragraph}</p>
      ))}
      <pre>
        <code>{evidence.wayBack.command}</code>
      </pre>
      <p>
        <strong>{evidence.wayBack.warning}</strong>
      </p>
    </>
  );
}

/** More rows would make the file slow to open. The JSON report has all of them. */
const SHOWN_SEGMENTS = 5_000;

export function SegmentTable({ snapshot: { segments } }: { snapshot: Snapshot }) {
  return (
    <details>
      <summary>Every segment as a table</summary>
      <Scroll label="Table of segments">
        <table>
          <thead>
            <tr>
              <th scope="col">Segment</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Scanned
              </th>
              <th scope="col" class="number">
                Set
              </th>
              <th scope="col">Last launch</th>
              <th scope="col">Complete at</th>
            </tr>
          </thead>
          <tbody>
            {segments.slice(0, SHOWN_SEGMENTS).map((segment, index) => (
              <tr key={index}>
                <th scope="row">{index}</th>
                <td class="text">
                  {segment.reason ? `${segment.status}: ${segment.reason}` : segment.status}
                </td>
                <td class="number">{count(segment.scanned)}</td>
                <td class="number">{count(segment.updated)}</td>
                <td>
                  <code>{segment.launchId ? shortLaunch(segment.launchId) : ''}</code>
                </td>
                <td>{segment.completedAt ? clockTime(segment.completedAt) : ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {segments.length > SHOWN_SEGMENTS && (
          <p class="muted">and {count(segments.length - SHOWN_SEGMENTS)} more: --format json</p>
        )}
      </Scroll>
    </details>
  );
}
