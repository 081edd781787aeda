/** One criterion of a case, with what was measured. */
export interface Criterion {
  readonly name: string;
  readonly measured: string;
  readonly required: string;
  readonly holds: boolean;
  /** How the situation was caused here, if not as on AWS; or why it was not measured. */
  readonly note?: string;
}

type Figure = number | string | boolean | null | undefined;

/** Collects the criteria of one case and one seed. A failed criterion does not end the case. */
export class Report {
  readonly criteria: Criterion[] = [];

  equal(name: string, measured: Figure, required: Figure, note?: string): void {
    this.#add(name, text(measured), text(required), measured === required, note);
  }

  atMost(name: string, measured: number, most: number, unit = '', note?: string): void {
    this.#add(name, `${text(measured)}${unit}`, `≤ ${text(most)}${unit}`, measured <= most, note);
  }

  atLeast(name: string, measured: number, least: number, unit = '', note?: string): void {
    this.#add(name, `${text(measured)}${unit}`, `≥ ${text(least)}${unit}`, measured >= least, note);
  }

  /** Whether a text says what it must say. */
  says(name: string, said: string, wanted: RegExp, note?: string): void {
    const found = wanted.exec(said);
    this.#add(
      name,
      found ? found[0] : (said.trim().split('\n').at(-1) ?? ''),
      String(wanted),
      found !== null,
      note,
    );
  }

  /** A figure without a bound, which shows that the intended event did happen. */
  figure(name: string, measured: Figure, note?: string): void {
    this.#add(name, text(measured), '', true, note);
  }

  holds(name: string, measured: Figure, required: string, holds: boolean, note?: string): void {
    this.#add(name, text(measured), required, holds, note);
  }

  #add(name: string, measured: string, required: string, holds: boolean, note: string | undefined): void {
    this.criteria.push({ name, measured, required, holds, ...(note !== undefined && { note }) });
  }
}

function text(figure: Figure): string {
  if (typeof figure === 'number' && !Number.isInteger(figure)) return figure.toFixed(figure < 10 ? 2 : 1);
  return String(figure);
}
