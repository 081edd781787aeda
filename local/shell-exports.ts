/**
 * A line `export NAME='value'` for each variable, for `eval "$(…)"` in any POSIX shell. A single quote in a value ends
 * the quotation, appears escaped by a backslash, and begins the next quotation.
 */
export function shellExports(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join('');
}
