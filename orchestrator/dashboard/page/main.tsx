import { render } from 'preact';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { App } from './app.tsx';
import { follow, type Link } from './connection.ts';
import { Report, type ReportData } from './report.tsx';

const root = document.getElementById('page');
const stored = document.getElementById('report-data');
if (root && stored) {
  render(<Report data={JSON.parse(stored.textContent ?? '') as ReportData} />, root);
} else if (root) {
  let snapshot: Snapshot | undefined;
  let link: Link = 'connecting';
  const draw = () => {
    if (!snapshot) return;
    document.title = `${snapshot.run.status} · ${snapshot.run.table} · Fleetfill`;
    render(<App snapshot={snapshot} link={link} />, root);
  };
  root.replaceChildren();
  follow(
    next => {
      snapshot = next;
      draw();
    },
    next => {
      link = next;
      draw();
    },
  );
}
