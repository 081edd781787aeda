import { systemClock } from '../../../core/clock.ts';
import { DashboardServer } from '../../../orchestrator/dashboard/server.ts';
import { Watch } from '../../../orchestrator/dashboard/watch.ts';
import type { Stores } from '../../../orchestrator/stores.ts';
import { buildPage } from '../../../scripts/build-page.mjs';

/** The dashboard as the command serves it, but inside the test, so that the test can stop and restart it. */
export class ServedPage {
  readonly url: string;
  readonly #server: DashboardServer;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  private constructor(server: DashboardServer, stores: Stores, run: string) {
    this.url = server.url;
    this.#server = server;
    const watch = new Watch({
      stores,
      clock: systemClock,
      runId: run,
      onSnapshot: snapshot => server.push(snapshot),
    });
    this.#watching = watch.run(this.#stop.signal);
  }

  static async start(
    stores: Stores,
    run: string,
    address: { port?: number; token?: string } = {},
  ): Promise<ServedPage> {
    // scripts/build.mjs inserts this into the bundle.
    Object.assign(globalThis, { FLEETFILL_PAGE: await buildPage() });
    return new ServedPage(await DashboardServer.listen({ port: 0, ...address }), stores, run);
  }

  get address(): { port: number; token: string } {
    const { port, pathname } = new URL(this.url);
    return { port: Number(port), token: pathname.replaceAll('/', '') };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.#server.close();
  }
}
