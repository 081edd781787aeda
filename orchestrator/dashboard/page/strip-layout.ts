import type { SegmentView } from '../../snapshot/snapshot.ts';

/** Sizes of a cell in CSS pixels. The layout takes the largest that fits. */
const SIZES: readonly (readonly [width: number, height: number])[] = [
  [30, 46],
  [24, 38],
  [18, 28],
  [14, 22],
  [11, 16],
  [8, 12],
  [6, 9],
  [4, 6],
];
const MOST_HEIGHT = 230;
const WIDEST = 72;

export interface StripLayout {
  readonly columns: number;
  readonly rows: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly gap: number;
  /** Neighbouring segments in one cell. More than one only if even the smallest cells are too many. */
  readonly perCell: number;
  readonly cells: number;
}

/** Chooses the number and size of cells that hold all segments in this width, in CSS pixels. */
export function layoutStrip(segments: number, width: number): StripLayout {
  for (const [cellWidth, cellHeight] of SIZES) {
    const layout = layoutOf(segments, 1, width, cellWidth, cellHeight);
    if (layout.rows * (cellHeight + layout.gap) <= MOST_HEIGHT) return stretched(layout, width);
  }
  const [cellWidth, cellHeight] = SIZES.at(-1) ?? [4, 6];
  const room = layoutOf(1, 1, width, cellWidth, cellHeight);
  const rows = Math.floor(MOST_HEIGHT / (cellHeight + room.gap));
  const perCell = Math.ceil(segments / (room.columns * rows));
  return layoutOf(Math.ceil(segments / perCell), perCell, width, cellWidth, cellHeight);
}

function layoutOf(
  cells: number,
  perCell: number,
  width: number,
  cellWidth: number,
  cellHeight: number,
): StripLayout {
  const gap = cellWidth >= 14 ? 3 : cellWidth >= 8 ? 2 : 1;
  const columns = Math.max(1, Math.floor((width + gap) / (cellWidth + gap)));
  return { columns, rows: Math.ceil(cells / columns), cellWidth, cellHeight, gap, perCell, cells };
}

/** A single row takes the whole width. */
function stretched(layout: StripLayout, width: number): StripLayout {
  if (layout.rows > 1) return layout;
  const cellWidth = Math.min(WIDEST, Math.floor((width + layout.gap) / layout.cells) - layout.gap);
  return { ...layout, columns: layout.cells, cellWidth: Math.max(layout.cellWidth, cellWidth) };
}

/** The cell at this point of the strip; undefined if there is none. */
export function cellAt(layout: StripLayout, x: number, y: number): number | undefined {
  const column = Math.floor(x / (layout.cellWidth + layout.gap));
  const row = Math.floor(y / (layout.cellHeight + layout.gap));
  if (column < 0 || column >= layout.columns || row < 0) return undefined;
  const cell = row * layout.columns + column;
  return cell < layout.cells ? cell : undefined;
}

export function placeOf(layout: StripLayout, cell: number): { x: number; y: number } {
  return {
    x: (cell % layout.columns) * (layout.cellWidth + layout.gap),
    y: Math.floor(cell / layout.columns) * (layout.cellHeight + layout.gap),
  };
}

/** What a cell shows. For several segments it is their mean, with the worst of their states. */
export function cellView(
  layout: StripLayout,
  segments: readonly SegmentView[],
  cell: number,
): SegmentView | undefined {
  const from = cell * layout.perCell;
  const first = segments[from];
  if (layout.perCell === 1 || !first) return first;
  const group = segments.slice(from, from + layout.perCell);
  const filled = group.reduce((sum, segment) => sum + segment.filled, 0) / group.length;
  const worst =
    group.find(({ status }) => status === 'failed') ??
    group.find(({ stalled }) => stalled) ??
    group.find(({ status }) => status === 'running') ??
    group.find(({ status }) => status !== 'complete') ??
    first;
  return { ...worst, filled };
}
