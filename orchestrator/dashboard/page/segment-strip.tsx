import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { count } from '../../snapshot/format.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { describeSegment, SegmentFacts } from './segment-facts.tsx';
import { cellAt, layoutStrip, placeOf, type StripLayout } from './strip-layout.ts';
import { paintStrip } from './strip-paint.ts';
import { useScheme, useWidth } from './use-surroundings.ts';

const MOVES: Readonly<Record<string, (layout: StripLayout) => number>> = {
  ArrowRight: () => 1,
  ArrowLeft: () => -1,
  ArrowDown: layout => layout.columns,
  ArrowUp: layout => -layout.columns,
  Home: layout => -layout.cells,
  End: layout => layout.cells,
};

/**
 * Draws every segment of the run in one canvas, however many there are. For the keyboard and screen readers it is a
 * list box that has only its active option in the document.
 */
export function SegmentStrip({ snapshot }: { snapshot: Snapshot }) {
  const { segments, states, run } = snapshot;
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const scheme = useScheme();
  const option = useId();
  const [active, setActive] = useState<number>();
  const [pointed, setPointed] = useState(false);
  const layout = layoutStrip(segments.length, Math.max(40, width - 4));
  const cell = active === undefined ? undefined : Math.min(active, layout.cells - 1);

  // Depends on the colour scheme too, because the scheme changes the painted colours.
  useEffect(() => {
    if (canvas.current && width > 0) paintStrip(canvas.current, layout, segments, cell);
  }, [segments, width, scheme, cell]);

  const move = (event: KeyboardEvent) => {
    if (event.key === 'Escape') return setActive(undefined);
    const step = MOVES[event.key]?.(layout);
    if (step === undefined) return;
    event.preventDefault();
    setPointed(false);
    setActive(Math.max(0, Math.min(layout.cells - 1, (cell ?? (step < 0 ? layout.cells : -1)) + step)));
  };
  const point = (event: PointerEvent) => {
    const area = canvas.current?.getBoundingClientRect();
    setPointed(true);
    setActive(area && cellAt(layout, event.clientX - area.left - 2, event.clientY - area.top - 2));
  };
  const shown = cell === undefined ? undefined : segments[cell * layout.perCell];
  return (
    <div class="strip">
      <div ref={box} class="strip-box">
        <div
          class="strip-list"
          role="listbox"
          tabIndex={0}
          aria-label={`${count(run.totalSegments)} segments, ${count(states.complete)} complete. Use the arrow keys to move through them.`}
          aria-activedescendant={cell === undefined ? undefined : option}
          onKeyDown={move}
          onFocus={() => !pointed && setActive(active ?? 0)}
          onBlur={() => setActive(undefined)}
          onPointerMove={point}
          onPointerDown={point}
          onPointerLeave={() => setActive(undefined)}
        >
          {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a canvas without a tabindex is not interactive */}
          <canvas ref={canvas} role="presentation" />
          <div
            id={option}
            class="sr-only"
            role="option"
            tabIndex={-1}
            aria-selected={cell !== undefined}
            aria-posinset={(cell ?? 0) + 1}
            aria-setsize={layout.cells}
          >
            {describeSegment(snapshot, (cell ?? 0) * layout.perCell)}
          </div>
        </div>
        {cell !== undefined && shown && (
          // Hidden from screen readers, because the option already says the same.
          <div class="tooltip" style={tooltipPlace(layout, cell, width)} aria-hidden="true">
            <SegmentFacts snapshot={snapshot} segment={cell * layout.perCell} perCell={layout.perCell} />
          </div>
        )}
      </div>
      <Legend snapshot={snapshot} perCell={layout.perCell} />
    </div>
  );
}

const TOOLTIP_WIDTH = 270;

function tooltipPlace(layout: StripLayout, cell: number, width: number) {
  const { x, y } = placeOf(layout, cell);
  return {
    left: `${Math.max(0, Math.min(x, width - TOOLTIP_WIDTH))}px`,
    top: `${y + layout.cellHeight + 10}px`,
  };
}

function Legend({ snapshot, perCell }: { snapshot: Snapshot; perCell: number }) {
  const { states, segments } = snapshot;
  const stalled = segments.filter(segment => segment.stalled).length;
  const entries: readonly (readonly [tone: string, label: string, number: number])[] = [
    ['plain', 'waiting', states.pending + states.assigned],
    ['busy', 'running; the fill shows progress', states.running - stalled],
    ['good', 'complete', states.complete],
    ['care', 'without progress', stalled],
    ['bad', 'given up', states.failed],
  ];
  return (
    <ul class="legend">
      {entries.map(([tone, label, number]) => (
        <li key={label}>
          <span class={`swatch tone-${tone}`} aria-hidden="true" />
          {count(Math.max(0, number))} {label}
        </li>
      ))}
      {perCell > 1 && <li>each cell stands for {count(perCell)} segments</li>}
    </ul>
  );
}
