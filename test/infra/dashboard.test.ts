import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METRICS_INTERVAL_MS } from '../../core/metrics.ts';
import { PUBLISHED_METRICS, problemOf, type Series, unitOf } from './support/metric-catalogue.ts';
import { FLEET_PARAMETERS, loadTemplate, Rendering } from './support/template.ts';

interface Widget {
  readonly type: 'metric' | 'text' | 'alarm' | 'log';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: {
    readonly title?: string;
    readonly region?: string;
    readonly period?: number;
    readonly stat?: string;
    readonly markdown?: string;
    readonly query?: string;
    readonly alarms?: readonly string[];
    readonly yAxis?: Readonly<Record<'left' | 'right', { readonly label: string }>>;
    readonly metrics?: readonly (readonly (string | MetricOptions)[])[];
  };
}

interface MetricOptions {
  readonly id: string;
  readonly expression?: string;
  readonly label?: string;
  readonly visible?: boolean;
  readonly yAxis?: 'left' | 'right';
}

const fleet = loadTemplate('fleet');

function widgetsWith(parameters: Readonly<Record<string, string>>): Widget[] {
  const { DashboardBody } = new Rendering(fleet, { ...FLEET_PARAMETERS, ...parameters }).properties(
    'Dashboard',
  );
  return JSON.parse(DashboardBody).widgets;
}

const widgets = widgetsWith({ ExpectedItems: '5000000' });
const graphs = widgets.filter(widget => widget.type === 'metric');

interface Row extends MetricOptions {
  readonly series?: Series;
}

function rowsOf(widget: Widget): Row[] {
  return (widget.properties.metrics ?? []).map(row => {
    const options = row.at(-1) as MetricOptions;
    if (row.length === 1) return options;
    const [namespace = '', name = '', ...rest] = row.slice(0, -1) as string[];
    return {
      ...options,
      series: { namespace, name, dimensions: rest.filter((_, index) => index % 2 === 0) },
    };
  });
}

/** The series that a SEARCH expression finds. */
function searched(expression: string): Series | undefined {
  const found = /SEARCH\('\{([^,}]+),([^}]+)\} MetricName="(\w+)"/.exec(expression);
  if (!found) return undefined;
  const [, namespace = '', dimensions = '', name = ''] = found;
  return { namespace, name, dimensions: dimensions.split(',') };
}

const titled = graphs.map(widget => [widget.properties.title ?? '', widget] as const);

describe('the dashboard of fleet.yaml', () => {
  it.each(titled)('reads only series that are published: %s', (_, widget) => {
    const series = rowsOf(widget).flatMap(row => row.series ?? searched(row.expression ?? '') ?? []);
    expect(series.length).toBeGreaterThan(0);
    expect(series.map(problemOf).filter(Boolean)).toEqual([]);
  });

  it.each(titled)('computes only with what it reads: %s', (_, widget) => {
    const rows = rowsOf(widget);
    const ids = rows.map(row => row.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z0-9_]*$/);
    for (const { expression } of rows.filter(row => row.expression !== undefined)) {
      const names = (expression ?? '').replace(/'[^']*'/g, '').match(/\b[a-z][A-Za-z0-9_]*\b/g) ?? [];
      expect(names.filter(name => !ids.includes(name))).toEqual([]);
    }
    const used = rows.map(row => row.expression ?? '').join(' ');
    const hidden = rows.filter(row => row.visible === false).map(row => row.id);
    expect(hidden.filter(id => !new RegExp(`\\b${id}\\b`).test(used))).toEqual([]);
  });

  it.each(titled)('labels its axis with the unit of what it shows: %s', (_, widget) => {
    const rows = rowsOf(widget).filter(row => row.visible !== false);
    const byId = new Map(rowsOf(widget).map(row => [row.id, row]));
    for (const row of rows) {
      const axis = widget.properties.yAxis?.[row.yAxis ?? 'left'].label;
      expect(`${row.id}: ${unitShown(row, byId)}`).toBe(`${row.id}: ${axis}`);
    }
  });

  it('shows every metric that is published, and awaits none that core/ has', () => {
    const shown = new Set(
      graphs.flatMap(rowsOf).flatMap(row => (row.series ?? searched(row.expression ?? ''))?.name ?? []),
    );
    expect(PUBLISHED_METRICS.filter(name => !shown.has(name))).toEqual([]);
  });

  it('derives budget and tasks from how often a worker publishes', () => {
    const seconds = METRICS_INTERVAL_MS / 1_000;
    const expressions = graphs.flatMap(rowsOf).map(row => row.expression);
    expect(expressions).toContain(`share * ${seconds} / PERIOD(share)`);
    expect(expressions).toContain(`reports * ${seconds} / PERIOD(reports)`);
  });

  it('sends every number to the table and namespace of the stack', () => {
    const other = JSON.stringify(widgetsWith({ TableName: 'orders', Namespace: 'Ops/Backfill' }));
    expect(other).not.toMatch(/stuff|Fleetfill"|Fleetfill,/);
    expect(other).toContain('{Ops/Backfill,Segment,Table}');
  });

  it('has a line for what is to go only when it was told how many items there are', () => {
    const toGo = (list: Widget[]) => list.flatMap(rowsOf).find(row => row.id === 'togo')?.expression;
    expect(toGo(widgets)).toBe('5000000 - RUNNING_SUM(FILL(scanned, 0))');
    expect(toGo(widgetsWith({}))).toBeUndefined();
  });

  it('points at the alarms that tell somebody, by their names', () => {
    const rendering = new Rendering(fleet, { ...FLEET_PARAMETERS, AlarmEmail: 'oncall@example.com' });
    const acting = rendering
      .resources()
      .filter(id => rendering.properties(id).AlarmActions !== undefined)
      .map(id => rendering.properties(id).AlarmName);
    const shown = widgets
      .flatMap(widget => widget.properties.alarms ?? [])
      .map(arn => arn.split(':alarm:')[1]);
    expect(shown.sort()).toEqual(acting.sort());
  });

  it('fills its grid of 24 columns without overlap', () => {
    const cells = new Set<string>();
    for (const { x, y, width, height } of widgets) {
      expect(x + width).toBeLessThanOrEqual(24);
      for (let column = x; column < x + width; column++) {
        for (let row = y; row < y + height; row++) {
          expect(cells.has(`${column} ${row}`)).toBe(false);
          cells.add(`${column} ${row}`);
        }
      }
    }
  });

  it('is explained, widget by widget, in docs/dashboard.md: healthy, not healthy, and what to do', () => {
    const page = readFileSync(new URL('../../docs/dashboard.md', import.meta.url), 'utf8');
    const headings = page.match(/^### .+$/gm) ?? [];
    for (const title of widgets.flatMap(widget => widget.properties.title ?? [])) {
      const [, part = ''] = page.split(`### ${title}\n`);
      expect(part.split(/^##/m)[0]).toMatch(/\*\*Healthy:\*\*.+\*\*Not healthy:\*\*/s);
    }
    const titles = widgets.flatMap(widget => widget.properties.title ?? []);
    expect(headings.map(heading => heading.slice(4)).filter(heading => titles.includes(heading))).toEqual(
      titles,
    );
  });
});

/** The unit of what a row draws: dividing by PERIOD makes a rate of a count, a sample count counts reports. */
function unitShown(row: Row, byId: ReadonlyMap<string, Row>): string | undefined {
  const series = row.series ?? searched(row.expression ?? '');
  if (series !== undefined) return unitOf(series);
  const expression = row.expression ?? '';
  const operand = [...byId.values()].find(
    other => other.series && new RegExp(`\\b${other.id}\\b`).test(expression),
  );
  const divided = expression.match(/(\w+)( \* \d+)? \/ PERIOD\((\w+)\)/);
  if (!divided) return operand?.series && unitOf(operand.series);
  const divisor = byId.get(divided[3] ?? '');
  if (divisor?.series?.name !== 'WriteRateShare') return 'Count/Second';
  return divided[1] === 'reports' ? 'Count' : unitOf(divisor.series);
}
