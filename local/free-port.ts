import { createServer } from 'node:net';

/**
 * A TCP port of the loopback interface that nobody listened on a moment ago. Somebody else may take it before
 * we use it: whoever does must be ready to ask again.
 */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>(resolve => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no TCP address.');
  return address.port;
}
