import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What `orchestrate --stack` asks for, without the rest of CloudFormation. */
export interface CloudFormationStub {
  readonly endpoint: string;
  /** The stack as it is described from now on. */
  stack: { readonly status: string; readonly outputs: Readonly<Record<string, string>> };
  close(): Promise<void>;
}

export async function startCloudFormationStub(): Promise<CloudFormationStub> {
  const server = createServer((_, response) => {
    const outputs = Object.entries(stub.stack.outputs).map(
      ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
    );
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(
      '<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member>' +
        `<StackName>fleetfill</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>${stub.stack.status}</StackStatus>` +
        `<Outputs>${outputs.join('')}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const stub: CloudFormationStub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stack: { status: 'CREATE_COMPLETE', outputs: {} },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return stub;
}
