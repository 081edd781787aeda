import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** The signal that ends a request, by the command's input and then by the request made from it. */
const signals = new WeakMap<object, AbortSignal>();

/**
 * The same command, whose next request ends when the signal aborts. The client must be {@link abortable}.
 *
 * The SDK takes a signal in the options of `send`. But a `send` with options rebuilds all of the client's middleware,
 * even with `cacheMiddleware`, which costs the worker a fifth of its CPU time.
 */
export function endedBy<C extends { readonly input: object }>(command: C, signal: AbortSignal): C {
  signals.set(command.input, signal);
  return command;
}

/** Makes the client end the requests of {@link endedBy}. */
export function abortable(client: DynamoDBClient): DynamoDBClient {
  client.middlewareStack.add(
    next => async call => {
      const signal = signals.get(call.input);
      if (signal !== undefined) signals.set(call.request as object, signal);
      return next(call);
    },
    { step: 'deserialize', name: 'abort' },
  );
  const { requestHandler } = client.config;
  const handle = requestHandler.handle.bind(requestHandler);
  requestHandler.handle = (request, options) => {
    const abortSignal = signals.get(request);
    return handle(request, abortSignal === undefined ? options : { ...options, abortSignal });
  };
  return client;
}
