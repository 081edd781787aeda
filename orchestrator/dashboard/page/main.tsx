import { render } from 'preact';
import type { Picture } from '../../snapshot/snapshot.ts';
import { App } from './app.tsx';
import { follow, type Link } from './connection.ts';
import { Report, type ReportData } from './report.tsx';

const root = document.getElementById('page');
const stored = document.getElementById('report-data');
if (root && stored) {
  render(<Report data={JSON.parse(stored.textContent ?? '') as ReportData} />, root);
} else if (root) {
  let picture: Picture | undefined;
  let link: Link = 'connecting';
  const draw = () => {
    if (!picture) return;
    document.title = `${picture.run.status} · ${picture.run.table} · Fleetfill`;
    render(<App picture={picture} link={link} />, root);
  };
  root.replaceChildren();
  follow(
    next => {
      picture = next;
      draw();
    },
    next => {
      link = next;
      draw();
    },
  );
}
