import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METRICS_INTERVAL_MS } from '../../core/metrics.ts';
import { PUBLISHED_METRICS, problemOf, type Series, unitOf } from './support/metric-catalogue.ts';
import { seriesOf } from './support/metric-expressions.ts';
import { DASHBOARD_PARAMETERS, FLEET_PARAMETERS, loadTemplate, Rendering } from './support/template.ts';

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
const template = loadTemplate('dashboard');

function widgetsWith(parameters: Readonly<Record<string, string>>): Widget[] {
  const { DashboardBody } = new Rendering(template, { ...DASHBOARD_PARAMETERS, ...parameters }).properties(
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

const titled = graphs.map(widget => [widget.properties.title ?? '', widget] as const);

describe('the dashboard', () => {
  it.each(titled)('reads only series that are published: %s', (_, widget) => {
    const series = rowsOf(widget).flatMap(row => row.series ?? seriesOf(row.expression ?? ''));
    expect(series.length).toBeGreaterThan(0);
    expect(series.map(problemOf).filter(Boolean)).toEqual([]);
  });

  it.each(titled)('computes only with what it reads: %s', (_, widget) => {
    const rows = rowsOf(widget);
    const ids = rows.map(row => row.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z0-9_]*$/);
    for (const { expression } of rows.filter(row => row.expression !== undefined)) {
      const names = withoutQueries(expression ?? '').match(/\b[a-z][A-Za-z0-9_]*\b/g) ?? [];
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

  it('shows every metric that core/ publishes', () => {
    const shown = new Set(
      graphs
        .flatMap(rowsOf)
        .flatMap(row => row.series ?? seriesOf(row.expression ?? ''))
        .map(({ name }) => name),
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
    expect(other).not.toMatch(/stuff|Fleetfill/);
  });

  it('finds the same series in every namespace that the parameter allows', () => {
    const allowed = new RegExp(template.Parameters['Namespace']?.AllowedPattern ?? '');
    expect(fleet.Parameters['Namespace']?.AllowedPattern).toBe(allowed.source.replaceAll('\\/', '/'));
    const namesOf = (list: Widget[]) =>
      list.flatMap(widget => rowsOf(widget)).flatMap(row => row.series ?? seriesOf(row.expression ?? ''));
    const usual = namesOf(widgets);
    const characters = fc.constantFrom(...'Aa09_./#-');
    const namespaces = fc
      .array(characters, { minLength: 1, maxLength: 255 })
      .map(list => list.join(''))
      .filter(namespace => allowed.test(namespace));
    fc.assert(
      fc.property(namespaces, Namespace => {
        const renamed = usual.map(series =>
          series.namespace === 'Fleetfill' ? { ...series, namespace: Namespace } : series,
        );
        expect(namesOf(widgetsWith({ Namespace, ExpectedItems: '5000000' }))).toEqual(renamed);
      }),
      { numRuns: 50 },
    );
  });

  it('finds the slowest among all segments of a large run, not among the first five hundred', () => {
    const laggards = graphs.flatMap(rowsOf).find(row => row.id === 'laggards')?.expression ?? '';
    expect(laggards).toMatch(/^SELECT .+ ORDER BY SUM\(\) ASC LIMIT 10$/);
  });

  it('shows the latency of every operation there is, provisioned units both ways, and why requests are throttled', () => {
    const shown = graphs.flatMap(rowsOf).flatMap(row => row.series ?? seriesOf(row.expression ?? ''));
    const names = shown.filter(({ namespace }) => namespace === 'AWS/DynamoDB').map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'SuccessfulRequestLatency',
        'ProvisionedReadCapacityUnits',
        'ProvisionedWriteCapacityUnits',
        ...['Write', 'Read'].flatMap(way =>
          ['ProvisionedThroughput', 'MaxOnDemandThroughput', 'KeyRangeThroughput', 'AccountLimit'].map(
            reason => `${way}${reason}ThrottleEvents`,
          ),
        ),
      ]),
    );
    expect(JSON.stringify(widgets)).not.toMatch(/"Operation","(GetItem|Query)/);
  });

  it('has a line for the remaining items only when it knows how many there are', () => {
    const toGo = (list: Widget[]) => list.flatMap(rowsOf).find(row => row.id === 'togo')?.expression;
    expect(toGo(widgets)).toBe('5000000 - RUNNING_SUM(FILL(scanned, 0))');
    expect(toGo(widgetsWith({}))).toBeUndefined();
  });

  it('points at the alarms that notify somebody, by their names', () => {
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

/** The part of metric math that is neither a search nor a query. Both of these name series, not rows. */
function withoutQueries(expression: string): string {
  return expression.startsWith('SELECT ') ? '' : expression.replace(/'[^']*'/g, '');
}

/** The unit of what a row draws. Dividing a count by PERIOD gives a rate, and a sample count counts reports. */
function unitShown(row: Row, byId: ReadonlyMap<string, Row>): string | undefined {
  const [series] = row.series ? [row.series] : seriesOf(row.expression ?? '');
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
