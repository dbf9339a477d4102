/**
 * Signing by a program of the user's, so that a private key can stay in a token or on another machine.
 *
 * The program gets the bytes to sign (DSSE's pre-authentication encoding) on its standard input and writes the signature,
 * and nothing else, to its standard output: 64 bytes of Ed25519, or an ECDSA signature on P-256 with SHA-256 in DER. It is
 * started without a shell, has a time and a most of bytes, and what it answers is held against the public key before
 * anybody sees it: a program that lies, fails, hangs or floods makes no signature.
 */
import { spawnSync } from 'node:child_process';
import { fail, printable } from '../base/errors.ts';
import { isSignature, type Key } from '../evidence/envelope.ts';
import { readPublicKey } from './keys.ts';

/** Long enough for somebody to touch a token. */
const MOST_MILLISECONDS = 60_000;

/** More than any signature has. */
const MOST_BYTES = 4096;

export interface SignerWish {
  /** Program and arguments, parted by spaces. */
  readonly command: string;
  /** File of the public half of its key. */
  readonly publicKey: string;
  /** Default: MOST_MILLISECONDS. */
  readonly milliseconds?: number;
}

function whyNot(
  { error, signal, status, stderr }: ReturnType<typeof spawnSync>,
  milliseconds: number,
): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ETIMEDOUT') return `gave no signature in ${milliseconds / 1000} seconds`;
  if (code === 'ENOBUFS')
    return `wrote more than the ${MOST_BYTES} bytes that are read; it must write the signature alone`;
  // A program that ends without reading all of its input may have signed all the same; then the signature says so.
  if (error !== undefined && code !== 'EPIPE') return `cannot be run: ${code ?? 'unknown error'}`;
  if (signal !== null) return `was ended by ${signal}`;
  if (status === 0) return undefined;
  const said = printable(stderr.toString('utf8').trim(), 300);
  return `ended with status ${status}${said === '' ? '' : `: ${said}`}`;
}

/** A key that a program signs with. Errors: 'usage', 'key', those of readPublicKey; on signing 'key'. */
export function externalKey({ command, publicKey, milliseconds = MOST_MILLISECONDS }: SignerWish): Key {
  const [program, ...args] = command.split(' ').filter((part) => part !== '');
  if (program === undefined) return fail('usage', '--signer: names no program');
  const judge = readPublicKey(publicKey);
  const where = `--signer ${printable(program, 200)}`;
  const sign = (bytes: Uint8Array): Uint8Array => {
    const run = spawnSync(program, args, {
      ...{ input: bytes, timeout: milliseconds, killSignal: 'SIGKILL', maxBuffer: MOST_BYTES, shell: false },
    });
    const why = whyNot(run, milliseconds);
    if (why !== undefined) fail('key', `${where}: ${why}; nothing was signed`);
    if (!isSignature(bytes, judge, run.stdout))
      fail(
        'key',
        `${where}: its ${run.stdout.length} bytes are no signature by ${judge.id} (${printable(publicKey, 200)}); it must write that alone, over all of its input`,
      );
    return run.stdout;
  };
  return { ...judge, sign };
}
