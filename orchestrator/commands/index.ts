/**
 * The commands, one line each. The front door reads these definitions. Their handlers, in the same files, are loaded
 * only when a command runs.
 */
export { cancel } from './cancel.ts';
export { dashboard } from './dashboard.ts';
export { doctor } from './doctor.ts';
export { failures } from './failures.ts';
export { local } from './local.ts';
export { pause } from './pause.ts';
export { plan } from './plan.ts';
export { rate } from './rate.ts';
export { report } from './report.ts';
export { resume } from './resume.ts';
export { run } from './run.ts';
export { status } from './status.ts';
export { templates } from './templates.ts';
export { undo } from './undo.ts';
export { verify } from './verify.ts';
export { wait } from './wait.ts';
