/** The operator pressed Ctrl-C: the orchestrator leaves and the fleet continues. */
export class DetachedError extends Error {
  constructor() {
    super('detached');
    this.name = 'DetachedError';
  }
}
