/**
 * Keys and certificates in PEM armour, and OpenSSH's own format.
 *
 * Programs that read keys contain the words "-----BEGIN PRIVATE KEY-----" without any key; what makes armour a key is the
 * base64 behind it, which must decode to what the label promises.
 *
 * Sources: RFC 7468; RFC 1421 4.6 (Proc-Type headers of encrypted keys); OpenSSH's PROTOCOL.key.
 */

export interface ArmourFinding {
  readonly offset: number;
  readonly kind: string;
  /** Whether it is secret: a private key, encrypted or not. */
  readonly secret: boolean;
}

const BEGIN = Buffer.from('-----BEGIN ');
const SSH_MAGIC = Buffer.from('openssh-key-v1\0');
const MOST_TEXT = 65_536;
const label = /^-----BEGIN ((?:[A-Z0-9]+ )*(?:PRIVATE KEY|CERTIFICATE|PRIVATE KEY BLOCK))-----/;

/** The first bytes that the base64 after a label decodes to; headers ("Proc-Type: ...") are passed over. */
function contents(text: string): Buffer {
  // A quoted or escaped line end ("\n" as two characters) stands in sources of other languages.
  const lines = text.replace(/\\n/g, '\n').split(/[\r\n]+/, 2000);
  const data = lines.filter((line) => !/^[A-Za-z-]+: /.test(line) && !line.startsWith('-----') && line.trim() !== '');
  const body: string[] = [];
  for (const line of data) {
    if (!/^[A-Za-z0-9+/=\s]+$/.test(line)) break;
    body.push(line);
  }
  return Buffer.from(body.join(''), 'base64');
}

function isKey(name: string, text: string): boolean {
  const bytes = contents(text);
  if (bytes.length < 32) return false;
  if (/Proc-Type: 4,ENCRYPTED/.test(text.slice(0, 200)) || name.includes('BLOCK')) return true;
  if (name.startsWith('OPENSSH')) return bytes.subarray(0, SSH_MAGIC.length).equals(SSH_MAGIC);
  return bytes[0] === 0x30;
}

/** OpenSSH's format outside of armour: the magic, then the cipher's and the key derivation's name as counted strings. */
function isOpenSsh(bytes: Buffer, at: number): boolean {
  const size = at + SSH_MAGIC.length;
  if (size + 4 > bytes.length) return false;
  const length = bytes.readUInt32BE(size);
  const cipher = bytes.toString('latin1', size + 4, size + 4 + Math.min(length, 64));
  return length >= 3 && length <= 64 && /^[a-z0-9@.-]+$/.test(cipher);
}

/** Every key and certificate in text form, and OpenSSH keys in binary form. */
export function findArmour(input: Uint8Array): ArmourFinding[] {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const found: ArmourFinding[] = [];
  for (let at = bytes.indexOf(BEGIN); at >= 0; at = bytes.indexOf(BEGIN, at + BEGIN.length)) {
    const next = bytes.indexOf(BEGIN, at + BEGIN.length);
    const end = Math.min(next < 0 ? bytes.length : next, at + MOST_TEXT);
    const text = bytes.toString('latin1', at, end);
    const name = label.exec(text)?.[1];
    if (name === undefined || !isKey(name, text.slice(16 + name.length).split('-----END', 1)[0]!)) continue;
    found.push({ offset: at, kind: `PEM ${name.toLowerCase()}`, secret: name !== 'CERTIFICATE' });
  }
  for (let at = bytes.indexOf(SSH_MAGIC); at >= 0; at = bytes.indexOf(SSH_MAGIC, at + 1)) {
    if (isOpenSsh(bytes, at)) found.push({ offset: at, kind: 'OpenSSH private key', secret: true });
  }
  return found;
}
