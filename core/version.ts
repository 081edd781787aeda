/** Put in by scripts/build.mjs from package.json, the one place that says it. */
declare const FLEETFILL_VERSION: string | undefined;

/** Outside of a bundle there is no version. */
export const VERSION = typeof FLEETFILL_VERSION === 'undefined' ? 'unbuilt' : FLEETFILL_VERSION;
