import type { Series } from './metric-catalogue.ts';

/**
 * The series that a SEARCH expression or a Metrics Insights query of a dashboard names, read strictly. A name with
 * characters other than letters and digits must be in double quotes; otherwise CloudWatch finds nothing and reports
 * nothing [CloudWatch user guide, "Search expression syntax", "Metrics Insights query components"].
 * @returns nothing for metric math without either
 * @throws SyntaxError for what CloudWatch would not understand as intended
 */
export function seriesOf(expression: string): Series[] {
  if (expression.startsWith('SELECT ')) return [queried(expression)];
  return [...expression.matchAll(/SEARCH\('([^']*)', '[A-Za-z]+', \d+\)/g)].flatMap(([, search = '']) =>
    searched(search),
  );
}

const SCHEMA = /^\{([^{}]+)\} MetricName=(?:"(\w+)"|\(("\w+"(?: OR "\w+")*)\))(?: \w+="[^"]+")*$/;

function searched(search: string): Series[] {
  const found = SCHEMA.exec(search);
  if (!found) throw new SyntaxError(`No search: ${search}`);
  const [, schema = '', name, names = ''] = found;
  const [namespace = '', ...dimensions] = schema.split(',').map(unquoted);
  const wanted = name === undefined ? names.split(' OR ').map(unquoted) : [name];
  return wanted.map(each => ({ namespace, name: each, dimensions }));
}

const QUERY =
  /^SELECT [A-Z]+\((\w+)\) FROM SCHEMA\(([^()]+)\)(?: WHERE .+?)?(?: GROUP BY \w+)?(?: ORDER BY [A-Z]+\(\) (?:ASC|DESC))?(?: LIMIT \d+)?$/;

function queried(query: string): Series {
  const found = QUERY.exec(query);
  if (!found) throw new SyntaxError(`No query: ${query}`);
  const [, name = '', schema = ''] = found;
  const [namespace = '', ...dimensions] = schema.split(', ').map(unquoted);
  return { namespace, name, dimensions };
}

/**
 * A name in a schema.
 * @throws SyntaxError when it needs quotes and has none
 */
function unquoted(name: string): string {
  const inQuotes = /^"([^"]+)"$/.exec(name)?.[1];
  if (inQuotes !== undefined) return inQuotes;
  if (!/^[A-Za-z0-9]+$/.test(name)) throw new SyntaxError(`${name} has to stand in double quotes`);
  return name;
}
