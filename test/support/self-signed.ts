import { generateKeyPairSync, sign } from 'node:crypto';

/** One value in DER, with its tag. */
function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

const SEQUENCE = 0x30;
const SET = 0x31;

/** The algorithm identifier of Ed25519, 1.3.101.112. */
const ED25519 = der(SEQUENCE, der(0x06, Buffer.from([0x2b, 0x65, 0x70])));

/** The attribute commonName, 2.5.4.3. */
const NAME = der(
  SEQUENCE,
  der(SET, der(SEQUENCE, der(0x06, Buffer.from([0x55, 0x04, 0x03])), der(0x0c, Buffer.from('test')))),
);

/** Makes a new key and certificate for a test's server, so that the repository contains no key. */
export function selfSigned(): { readonly key: string; readonly cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const time = (text: string) => der(0x17, Buffer.from(text));
  const signed = der(
    SEQUENCE,
    der(0x02, Buffer.from([1])),
    ED25519,
    NAME,
    der(SEQUENCE, time('200101000000Z'), time('491231235959Z')),
    NAME,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const certificate = der(
    SEQUENCE,
    signed,
    ED25519,
    der(0x03, Buffer.from([0]), sign(null, signed, privateKey)),
  );
  const lines = certificate.toString('base64').replaceAll(/.{64}/g, '$&\n');
  return {
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}
