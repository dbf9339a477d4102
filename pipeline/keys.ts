/**
 * Keys that sign and judge bundles, from files.
 *
 * A key that signs comes from a file that its owner alone can read, never from the command line, where every other user
 * of the machine sees it; what is wrong with one is said without a byte of it. A key that judges is the reader's own:
 * its public half, which nobody needs to hide, but which nobody should be able to exchange unseen either.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { fail, printable } from '../base/errors.ts';
import { readFile, reasonOf } from '../base/files.ts';
import { createPrivateKey, createPublicKey } from '../base/node.ts';
import { type Key, keyIdOf, requireKind } from '../evidence/envelope.ts';

const LARGEST = 16 * 1024;

type KeyObject = Key['key'];

/** Whether what should name a file looks like a key: in PEM, or its bytes in base64 or hexadecimal. */
const isKeyItself = (path: string): boolean => /-----BEGIN|\n/.test(path) || /^[A-Za-z0-9+/=_-]{43,}$/.test(path);

/** Refuses a key where its file should be named, without repeating it; a file that is called like one may be there. */
function requireName(path: string): void {
  if (isKeyItself(path) && !existsSync(path))
    fail('key', '--key: looks like a key itself, which other users can see now; name the file that holds one');
}

/** Text of a file that nobody but its owner, who runs us, can read or write. */
function readPrivate(path: string): string {
  requireName(path);
  const where = printable(path);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const isLink = (error as NodeJS.ErrnoException).code === 'ELOOP';
    return fail(
      'key',
      `${where}: ${isLink ? 'is a symbolic link; name the file itself' : `cannot open: ${reasonOf(error)}`}`,
    );
  }
  try {
    const { mode, uid, size } = fstatSync(fd);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) fail('key', `${where}: is not a regular file`);
    if ((mode & 0o077) !== 0)
      fail('key', `${where}: its mode is 0${(mode & 0o777).toString(8)}; others may use it; chmod 0600 it`);
    const own = process.getuid?.();
    if (own !== undefined && uid !== own) fail('key', `${where}: it belongs to user ${uid}; must be yours, ${own}`);
    if (size > LARGEST) fail('limit', `${where}: ${size} bytes, more than the ${LARGEST} that a key has`);
    const bytes = Buffer.alloc(LARGEST);
    return bytes.subarray(0, readSync(fd, bytes, 0, LARGEST, 0)).toString('latin1');
  } finally {
    closeSync(fd);
  }
}

/** A private key in PEM. Errors: 'key', 'limit'. */
export function readSigningKey(path: string): Key {
  const where = printable(path);
  const text = readPrivate(path);
  if (text.includes('ENCRYPTED')) fail('key', `${where}: is encrypted; decrypt it into a file of mode 0600`);
  let key: KeyObject;
  let publicKey: KeyObject;
  try {
    key = createPrivateKey(text);
    publicKey = createPublicKey(text);
  } catch {
    // What OpenSSL says may show what it read.
    return fail('key', `${where}: is no private key in PEM (openssl genpkey -algorithm ed25519)`);
  }
  requireKind(key, where);
  return { id: keyIdOf(publicKey), key };
}

/** A public key in PEM. Errors: 'key', 'limit', 'io'. */
export function readPublicKey(path: string): Key {
  requireName(path);
  const where = printable(path);
  const bytes = readFile(path);
  if (bytes.length > LARGEST) fail('limit', `${where}: ${bytes.length} bytes, more than the ${LARGEST} that a key has`);
  const text = Buffer.from(bytes).toString('latin1');
  if (text.includes('PRIVATE KEY'))
    fail('key', `${where}: is a private key; give its public half (openssl pkey -pubout)`);
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    return fail('key', `${where}: is no public key in PEM`);
  }
  requireKind(key, where);
  return { id: keyIdOf(key), key };
}
