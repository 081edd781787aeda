import type { z } from 'zod';
import { WireError } from './error.ts';

/** The body does not have the operation's shape. Services report that before they check the operation's rules. */
export const malformed = (message: string, options?: ErrorOptions) =>
  new WireError('SerializationException', message, options);

/**
 * Reads a request body by its shape.
 * @throws WireError SerializationException when a member has the wrong type
 */
export function readRequest<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformed(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'cannot be read'}`, {
    cause: parsed.error,
  });
}
