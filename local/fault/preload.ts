/** Environment variables that make a Node process run this module before its own program. */
export function preloaded(source: string): { readonly NODE_OPTIONS: string } {
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(source)}` };
}

/** Part of such a module: `Date` gets the present from its function `now`, in milliseconds since 1970. */
export const DATE_READS_NOW = `
    globalThis.Date = new Proxy(RealDate, {
      construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
      apply: () => new RealDate(now()).toString(),
      get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
    });
    RealDate.prototype.constructor = globalThis.Date;`;
