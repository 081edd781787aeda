import type { SegmentView } from '../../snapshot/snapshot.ts';
import { cellView, placeOf, type StripLayout } from './strip-layout.ts';
import { toneOfSegment } from './tones.ts';

/** A colour of the style sheet in the current scheme. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * Paints every segment as a vessel that fills up. Level and sign tell the states apart without colour: a full vessel is
 * complete, a cross means given up, and a bar on top means no progress.
 */
export function paintStrip(
  canvas: HTMLCanvasElement,
  layout: StripLayout,
  segments: readonly SegmentView[],
  active: number | undefined,
): void {
  const { columns, rows, cellWidth, cellHeight, gap } = layout;
  const scale = window.devicePixelRatio || 1;
  const width = columns * (cellWidth + gap) - gap;
  const height = Math.max(1, rows) * (cellHeight + gap) - gap;
  // Two pixels on each side leave room for the outline of the active cell.
  canvas.width = Math.round((width + 4) * scale);
  canvas.height = Math.round((height + 4) * scale);
  canvas.style.width = `${width + 4}px`;
  canvas.style.height = `${height + 4}px`;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(scale, scale);
  context.translate(2, 2);
  const colours = {
    track: colour('track'),
    busy: colour('busy'),
    good: colour('good'),
    care: colour('care-fill'),
    bad: colour('bad'),
    plain: colour('track'),
    text: colour('text'),
    onFill: colour('surface'),
  };
  for (let cell = 0; cell < layout.cells; cell++) {
    const view = cellView(layout, segments, cell);
    if (!view) continue;
    const { x, y } = placeOf(layout, cell);
    const tone = toneOfSegment(view.status, view.stalled);
    context.fillStyle = colours.track;
    context.fillRect(x, y, cellWidth, cellHeight);
    const level = view.status === 'failed' ? cellHeight : Math.round(cellHeight * view.filled);
    const shown = view.status === 'running' ? Math.max(2, level) : level;
    context.fillStyle = colours[tone];
    context.fillRect(x, y + cellHeight - shown, cellWidth, shown);
    if (view.stalled) context.fillRect(x, y, cellWidth, Math.max(2, Math.round(cellHeight / 8)));
    if (view.status === 'failed') cross(context, x, y, cellWidth, cellHeight, colours.onFill);
  }
  if (active !== undefined) {
    const { x, y } = placeOf(layout, active);
    context.strokeStyle = colours.text;
    context.lineWidth = 2;
    context.strokeRect(x - 1, y - 1, cellWidth + 2, cellHeight + 2);
  }
}

function cross(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
  style: string,
): void {
  const inset = Math.max(1, width / 5);
  context.strokeStyle = style;
  context.lineWidth = Math.max(1, width / 10);
  context.beginPath();
  context.moveTo(x + inset, y + inset);
  context.lineTo(x + width - inset, y + height - inset);
  context.moveTo(x + width - inset, y + inset);
  context.lineTo(x + inset, y + height - inset);
  context.stroke();
}
