import { createServer } from 'node:net';

/**
 * Finds a TCP port of the loopback interface that nobody listens on now. Another process may take it before we use it,
 * so the caller must be ready to ask again.
 *
 * @param wanted only this port
 * @throws Error with code EADDRINUSE when the wanted port is taken
 */
export async function findFreePort(wanted = 0): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>(resolve => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('A TCP server has no TCP address.');
  return address.port;
}
