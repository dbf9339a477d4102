/**
 * Embedded secrets: no private key is built into the image.
 *
 * An image is copied, published and signed; a private key in it belongs to everybody who has the file. The whole file is
 * searched, mapped or not, for keys in PEM, DER and OpenSSH's format, and the data that a program may use for raw
 * Ed25519 and X25519 keys next to their public keys. Certificates are public: they are shown, not judged.
 */
import { PF_X } from '../../linker/elf.ts';
import { count, type Finding } from '../finding.ts';
import { type Report, type Rule, reporter } from '../rule.ts';
import { findArmour } from '../secrets/armour.ts';
import { findDer } from '../secrets/der.ts';
import { findRawKeys } from '../secrets/raw-keys.ts';
import type { Subject } from '../subject.ts';

const identity = { id: 'secrets', version: 1, title: 'no embedded private keys' };

/** Public keys to derive at most: less than half a second. */
const BUDGET = 10_000;

/** Sections that look random in places and hold nothing that a program calls a key. */
const tables = /^\.(eh_frame|eh_frame_hdr|gcc_except_table|rela?\.|gnu\.hash|gnu\.version|hash|dynsym|dynstr)/;

/** Where a byte of the file is, for a reader: its section, else its offset. */
function fileplace(subject: Subject, offset: number): string {
  const section = subject.file.sections.find(
    ({ offset: start, data }) => data.length > 0 && start <= offset && offset < start + data.length,
  );
  const at = `file offset 0x${offset.toString(16)}`;
  return section === undefined || section.name === ''
    ? at
    : `${at} (${section.name}+0x${(offset - section.offset).toString(16)})`;
}

function encoded(subject: Subject, report: Report): Finding {
  const der = findDer(subject.bytes);
  const armour = findArmour(subject.bytes);
  const keys = [...armour.filter(({ secret }) => secret), ...der.filter(({ kind }) => kind !== 'certificate')].map(
    ({ kind, offset }) => `${kind} at ${fileplace(subject, offset)}`,
  );
  const certificates = [
    ...armour.filter(({ secret }) => !secret),
    ...der.filter(({ kind }) => kind === 'certificate'),
  ].map(({ kind, offset }) => `for information: ${kind} at ${fileplace(subject, offset)}`);
  if (keys.length > 0)
    return report('fail', 'declared', `${count(keys.length, 'private key')}: ${keys[0]}`, [...keys, ...certificates]);
  const known = certificates.length > 0 ? `; ${count(certificates.length, 'certificate')}` : '';
  return report('pass', 'declared', `no private key in PEM, DER or OpenSSH format${known}`, certificates);
}

/** Data that a program may use: what is mapped and not executable, but for `tables`; without program headers, the file. */
function dataOf(subject: Subject): Uint8Array[] {
  if (subject.loads.length === 0) return [subject.bytes];
  const holes = subject.file.sections
    .filter(({ name, data }) => data.length > 0 && tables.test(name))
    .map(({ offset, data }) => ({ from: offset, to: offset + data.length }))
    .sort((a, b) => a.from - b.from);
  return subject.loads
    .filter(({ flags, data }) => (flags & PF_X) === 0 && data.length > 0)
    .flatMap(({ offset, data }) => {
      const end = offset + data.length;
      const parts: Uint8Array[] = [];
      let at = offset;
      for (const { from, to } of [...holes, { from: end, to: end }]) {
        if (Math.min(from, end) > at) parts.push(subject.bytes.subarray(at, Math.min(from, end)));
        at = Math.max(at, Math.min(to, end));
      }
      return parts;
    });
}

function raw(subject: Subject, report: Report): Finding {
  const lines: string[] = [];
  let [tried, untried] = [0, 0];
  for (const data of dataOf(subject)) {
    const start = data.byteOffset - subject.bytes.byteOffset;
    const keys = findRawKeys(data, start % 16, BUDGET - tried);
    tried += keys.tried;
    untried += keys.untried;
    for (const { kind, offset, publicOffset } of keys.found) {
      const distance = `${Math.abs(publicOffset - offset)} bytes ${publicOffset > offset ? 'before' : 'after'}`;
      lines.push(`${kind} private key at ${fileplace(subject, start + offset)}, ${distance} its public key`);
    }
  }
  if (lines.length > 0)
    return report('fail', 'declared', `${count(lines.length, 'raw private key')}: ${lines[0]}`, lines);
  if (untried > 0) {
    return report(
      'unknown',
      'declared',
      `raw Ed25519 and X25519 keys: ${tried} tries used up, ${untried} places that look random left`,
    );
  }
  return report('pass', 'declared', `no raw Ed25519 or X25519 private key next to its public key (${tried} tries)`);
}

function run(subject: Subject): readonly Finding[] {
  return [encoded(subject, reporter(identity, subject, 'encoded')), raw(subject, reporter(identity, subject, 'raw'))];
}

export const secrets: Rule = { ...identity, run };
