/** The zone of examples/dns once more, as a person writes it: what its bytes are to mean. */

export const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, OPT: 41, IXFR: 251, AXFR: 252, ANY: 255 };

/** A name as labels, without the root's. */
export type Labels = readonly Buffer[];

export interface ZoneRecord {
  readonly owner: Labels;
  readonly type: number;
  readonly ttl: number;
  readonly data: Buffer;
}

export const labelsOf = (text: string): Labels =>
  text
    .split('.')
    .filter((label) => label !== '')
    .map((label) => Buffer.from(label));

export const wireName = (labels: Labels): Buffer =>
  Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0])]);

const name = (text: string): Buffer => wireName(labelsOf(text));

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i);
  return bytes;
}

const text = (line: string): Buffer => Buffer.concat([Buffer.from([line.length]), Buffer.from(line)]);
const record = (owner: string, ttl: number, type: number, data: Buffer): ZoneRecord => ({
  ...{ owner: labelsOf(owner), type, ttl, data },
});

export const origin = 'casemate.test';
export const negativeTtl = 300;

export const zone: readonly ZoneRecord[] = [
  record(
    'casemate.test',
    3600,
    types.SOA,
    Buffer.concat([name('ns1.casemate.test'), name('hostmaster.casemate.test'), u32(1, 7200, 3600, 1209600, 300)]),
  ),
  record('casemate.test', 3600, types.NS, name('ns1.casemate.test')),
  record('casemate.test', 3600, types.TXT, text('proved, then built')),
  record('ns1.casemate.test', 3600, types.A, Buffer.from([10, 0, 2, 15])),
  record('www.casemate.test', 300, types.A, Buffer.from([192, 0, 2, 80])),
  record('www.casemate.test', 300, types.A, Buffer.from([192, 0, 2, 81])),
  record('www.casemate.test', 300, types.AAAA, Buffer.from('20010db8000000000000000000000080', 'hex')),
  record('docs.casemate.test', 600, types.CNAME, name('www.casemate.test')),
  record('help.casemate.test', 600, types.CNAME, name('docs.casemate.test')),
  record('out.casemate.test', 600, types.CNAME, name('elsewhere.test')),
  record('lost.casemate.test', 600, types.CNAME, name('nowhere.casemate.test')),
  record('round.casemate.test', 600, types.CNAME, name('round.casemate.test')),
  record('a.deep.casemate.test', 60, types.A, Buffer.from([192, 0, 2, 1])),
];
