/**
 * Ed25519 key pairs as OpenSSH files. Made per pod: one for the controller, one that all machines show as their host key, so
 * that a machine of another pod on a re-used port is told apart.
 *
 * The private file is the format `openssh-key-v1` of OpenSSH's PROTOCOL.key, without a passphrase.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';

export interface SshKeyPair {
  /** PEM-like text, what `sshd` and `ssh -i` read. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA... comment`, one line without its end. */
  readonly publicKey: string;
}

const keyType = 'ssh-ed25519';
/** Of the cipher `none`; the private section is padded to it. */
const blockBytes = 8;

export function makeSshKeyPair(comment: string): SshKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { d } = privateKey.export({ format: 'jwk' });
  const { x } = publicKey.export({ format: 'jwk' });
  return encodeKeyPair(Buffer.from(d!, 'base64url'), Buffer.from(x!, 'base64url'), comment);
}

/** The part of a public key line that identifies the key, without the comment. */
export function publicKeyBlob(publicKey: string): Buffer {
  return Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
}

function encodeKeyPair(seed: Buffer, point: Buffer, comment: string): SshKeyPair {
  const blob = Buffer.concat([string(keyType), string(point)]);
  const check = randomBytes(4);
  const secret = Buffer.concat([
    // Twice the same number: how a reader knows that it decrypted well.
    check,
    check,
    string(keyType),
    string(point),
    string(Buffer.concat([seed, point])),
    string(comment),
  ]);
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    string('none'),
    string('none'),
    string(''),
    uint32(1),
    string(blob),
    string(padded(secret)),
  ]);
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${wrapped(file)}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `${keyType} ${blob.toString('base64')} ${comment}`,
  };
}

function padded(bytes: Buffer): Buffer {
  const missing = (blockBytes - (bytes.length % blockBytes)) % blockBytes;
  return Buffer.concat([bytes, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
}

function wrapped(bytes: Buffer): string {
  return bytes
    .toString('base64')
    .match(/.{1,70}/g)!
    .join('\n');
}

function string(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
