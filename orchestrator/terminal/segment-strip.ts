import type { SegmentView } from '../snapshot/snapshot.ts';
import type { Span, Style } from './styled-text.ts';

const LEVELS = [...'▁▂▃▄▅▆▇█'];

/** A cell of the strip shows one segment or several neighbours. */
interface Cell {
  readonly status: 'pending' | 'running' | 'complete' | 'failed' | 'stalled';
  readonly filled: number;
}

const STYLES: Readonly<Record<Cell['status'], Style>> = {
  pending: 'gray',
  running: 'cyan',
  complete: 'green',
  failed: ['bold', 'red'],
  stalled: ['bold', 'yellow'],
};

/**
 * Draws the segments as rows of cells that fill up, so that lagging segments stand out. If there are more segments than
 * cells, a cell shows the mean of its segments and the worst of their states.
 * @param columns cells in a row
 */
export function drawStrip(segments: readonly SegmentView[], columns: number, rows: number): Span[][] {
  const cells = group(segments, Math.max(1, columns) * Math.max(1, rows));
  const lines: Span[][] = [];
  for (let from = 0; from < cells.length; from += columns)
    lines.push(drawRow(cells.slice(from, from + columns)));
  return lines;
}

function group(segments: readonly SegmentView[], most: number): Cell[] {
  const size = Math.ceil(segments.length / most);
  const cells: Cell[] = [];
  for (let from = 0; from < segments.length; from += size)
    cells.push(cellOf(segments.slice(from, from + size)));
  return cells;
}

function cellOf(segments: readonly SegmentView[]): Cell {
  const filled = segments.reduce((sum, segment) => sum + segment.filled, 0) / segments.length;
  if (segments.some(({ status }) => status === 'failed')) return { status: 'failed', filled };
  if (segments.some(({ stalled }) => stalled)) return { status: 'stalled', filled };
  if (segments.every(({ status }) => status === 'complete')) return { status: 'complete', filled: 1 };
  const begun = segments.some(({ status }) => status === 'running' || status === 'complete');
  return { status: begun ? 'running' : 'pending', filled };
}

/** Neighbouring cells with the same style become one span. */
function drawRow(cells: readonly Cell[]): Span[] {
  const spans: { text: string; status: Cell['status'] }[] = [];
  for (const cell of cells) {
    const open = spans.at(-1);
    if (open?.status === cell.status) open.text += glyph(cell);
    else spans.push({ text: glyph(cell), status: cell.status });
  }
  return spans.map(({ text, status }) => [text, STYLES[status]]);
}

function glyph({ status, filled }: Cell): string {
  if (status === 'failed') return '✗';
  if (status === 'stalled') return '!';
  if (status === 'pending') return '·';
  return LEVELS[Math.min(LEVELS.length - 1, Math.floor(filled * LEVELS.length))] ?? '█';
}
