import type { z } from 'zod';
import { WireError } from './error.ts';

/** The body is not of the operation's shape; services say so before they look at any rule of the operation. */
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
