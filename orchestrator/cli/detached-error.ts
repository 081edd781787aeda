/** The operator pressed Ctrl-C: the orchestrator leaves, the fleet goes on. */
export class DetachedError extends Error {
  constructor() {
    super('detached');
    this.name = 'DetachedError';
  }
}
