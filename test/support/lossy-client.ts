import type { ControlTableClient } from '../../core/control-table.ts';

/** The request took effect, but its reply was lost. */
export class ReplyLostError extends Error {
  override readonly name = 'TimeoutError';
}

/**
 * Each request takes effect, its reply is lost, and it is sent again, as the SDK does by itself. The caller gets only
 * the second reply.
 */
export function sentTwice(client: ControlTableClient): ControlTableClient {
  const send = async (command: never) => {
    await client.send(command).catch(() => {});
    return client.send(command);
  };
  return { send } as unknown as ControlTableClient;
}

/** A client that can lose replies, and can let others act just before a request. */
export class LossyClient {
  readonly client: ControlTableClient;
  /** The number of the request, counted from 0, whose reply is lost after it took effect. */
  loseReplyTo: number | undefined;
  /** Runs before the next request is sent. */
  meanwhile: (() => Promise<unknown>) | undefined;
  sent = 0;

  constructor(behind: ControlTableClient) {
    const send = async (command: never) => {
      const number = this.sent;
      this.sent += 1;
      const { meanwhile } = this;
      this.meanwhile = undefined;
      await meanwhile?.();
      const reply = await behind.send(command);
      if (this.loseReplyTo === number) throw new ReplyLostError('The reply was lost.');
      return reply;
    };
    this.client = { send } as unknown as ControlTableClient;
  }
}
