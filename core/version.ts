/** scripts/build.mjs inserts it from package.json, its only source. */
declare const FLEETFILL_VERSION: string | undefined;

/** Outside of a bundle there is no version. */
export const VERSION = typeof FLEETFILL_VERSION === 'undefined' ? 'unbuilt' : FLEETFILL_VERSION;
