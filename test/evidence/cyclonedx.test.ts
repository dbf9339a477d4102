import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { cyclonedx } from '../../evidence/formats/cyclonedx.ts';
import { hash, someEvidence } from '../support/evidence.ts';

const schemas = join(
  dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
  'res/schema',
);
const schema = (name: string): object =>
  JSON.parse(readFileSync(join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8')) as object;

interface Bill {
  readonly metadata: { readonly component: { readonly name: string }; readonly timestamp?: string };
  readonly serialNumber?: string;
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
  readonly components: readonly {
    readonly name: string;
    readonly scope?: string;
    readonly purl?: string;
    readonly hashes?: readonly { readonly content: string }[];
  }[];
}

const hostile = `<b>\u001b[31m\n${'A'.repeat(65536)}`;
const hostileEvidence = {
  ...someEvidence,
  image: { ...someEvidence.image, name: hostile },
  inputs: [...someEvidence.inputs, { ...someEvidence.inputs[0]!, name: hostile }],
  tools: { ...someEvidence.tools, packages: [{ name: '@a/b c?d#e', version: '1.0.0+x' }] },
};

describe('CycloneDX', () => {
  it('keeps to the published schema, whatever names there are', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    ajv.addSchema(schema('spdx'), 'http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json');
    ajv.addSchema(schema('jsf-0.82'), 'http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json');
    const validate = ajv.compile(schema('bom-1.6'));
    for (const evidence of [someEvidence, hostileEvidence]) {
      validate(JSON.parse(cyclonedx(evidence)));
      expect(validate.errors ?? []).toEqual([]);
    }
    expect(validate({ bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ name: 1 }] })).toBe(false);
  });

  it('has every input by its hash, and what casemate is made of as no part of the product', () => {
    const bill = JSON.parse(cyclonedx(someEvidence)) as Bill;
    for (const { name, sha256 } of someEvidence.inputs)
      expect(bill.components.find((one) => one.name === name)?.hashes).toMatchObject([{ content: sha256 }]);
    expect(bill.components.find(({ name }) => name === 'ajv')).toMatchObject({
      scope: 'excluded',
      purl: 'pkg:npm/ajv@8.0.0',
    });
    expect(bill.metadata.component.name).toBe(someEvidence.image.name);
  });

  it('has packages by their URLs, as what the files that came with them depend on', () => {
    const two = { ...someEvidence.inputs[0]!, name: '/usr/lib/libssl.a' };
    const bill = JSON.parse(cyclonedx({ ...someEvidence, inputs: [...someEvidence.inputs, two] })) as Bill;
    const purl = 'pkg:deb/debian/libssl-dev@3.0.9-1?arch=amd64&distro=debian-12&upstream=openssl%403.0.9-1';
    expect(bill.components.filter((one) => one.purl === purl)).toMatchObject([{ scope: 'required', 'bom-ref': purl }]);
    const files = ['archive:/usr/lib/libcrypto.a', 'archive:/usr/lib/libssl.a'];
    expect(bill.dependencies.filter(({ ref }) => files.includes(ref))).toEqual(
      files.map((ref) => ({ ref, dependsOn: [purl] })),
    );
  });

  it('names each component once, and the same in the next release', () => {
    const refs = (text: string): string[] =>
      (JSON.parse(text) as { components: { 'bom-ref': string }[] }).components.map((one) => one['bom-ref']);
    const first = refs(cyclonedx(someEvidence));
    expect(new Set(first).size).toBe(first.length);
    const next = { ...someEvidence, inputs: someEvidence.inputs.map((one) => ({ ...one, sha256: hash('next') })) };
    expect(refs(cyclonedx(next))).toEqual(first);
  });

  it('is the same each time: no time, no serial number', () => {
    expect(cyclonedx(someEvidence)).toBe(cyclonedx(someEvidence));
    const bill = JSON.parse(cyclonedx(someEvidence)) as Bill;
    expect([bill.serialNumber, bill.metadata.timestamp]).toEqual([undefined, undefined]);
  });

  it('has hostile names as text, and package URLs that are URLs', () => {
    const text = cyclonedx(hostileEvidence);
    expect(text).not.toContain('\\u001b');
    expect(text).not.toContain('A'.repeat(2000));
    expect((JSON.parse(text) as Bill).components.map(({ purl }) => purl)).toContain(
      'pkg:npm/%40a/b%20c%3Fd%23e@1.0.0%2Bx',
    );
  });
});
