import type { ControlTableClient } from '../../core/control-table.ts';

/** A request that went through and of which nobody heard. */
export class ReplyLostError extends Error {
  override readonly name = 'TimeoutError';
}

/**
 * Each request takes effect, its reply is lost, and it is sent again, as the SDK does by itself: what the caller hears
 * is the answer to the second one.
 */
export function sentTwice(client: ControlTableClient): ControlTableClient {
  const send = async (command: never) => {
    await client.send(command).catch(() => {});
    return client.send(command);
  };
  return { send } as unknown as ControlTableClient;
}

/** A client whose replies can be lost, and in front of whose requests others can come in. */
export class LossyClient {
  readonly client: ControlTableClient;
  /** The reply to the next request, counted from 0, is lost once the request has taken effect. */
  loseReplyTo: number | undefined;
  /** Happens before the next request is sent. */
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
