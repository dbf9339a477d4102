/**
 * What an image is made of, as advisories name it: packages with versions, and what nobody knows the package of.
 *
 * The two ways in are evidence and a CycloneDX bill of it, or of anything else. What is from elsewhere and from no known
 * package is kept by name: an archive that somebody copied into the project may be any library, and leaving it out would
 * make every image of which nothing is known unaffected by everything. OCaml's objects say which modules they have and
 * nothing of packages or versions, so they are such parts as well, of opam.
 */
import { createRequire } from 'node:module';
import { bill as accepts } from '../../base/accepts.gen.ts';
import { printable } from '../../base/errors.ts';
import { parseBySchema } from '../../base/json-schema.ts';
import schema from '../../docs/schema/bill.schema.json';
import type { Evidence, EvidenceInput, EvidencePackage } from '../evidence.ts';
import { ocamlModules } from '../ocaml.ts';
import { boundedText } from './osv.ts';

const load = createRequire(import.meta.url);

/** A package in an image, in OSV's words. */
export interface Part {
  readonly ecosystem: string;
  /** As advisories name it: of Debian the source package. */
  readonly name: string;
  readonly version: string;
  /** As it is installed: `libssl-dev`. */
  readonly shown: string;
  /** Of Debian: `12`. Absent: nobody knows. */
  readonly release?: string;
  /** Whether only the name of the binary package is known, and advisories are about sources. */
  readonly isBinaryName?: boolean;
  /** Whether it made the image and is no part of it. */
  readonly isTool: boolean;
}

/** Something from elsewhere of which nobody knows the package, and in which ecosystem it could have one; absent: any. */
export interface UnknownPart {
  readonly name: string;
  readonly ecosystem?: 'native' | 'opam';
}

export interface Parts {
  /** The image's name. */
  readonly image: string;
  readonly sha256?: string;
  readonly known: readonly Part[];
  readonly unknown: readonly UnknownPart[];
}

const ecosystems = { debian: 'Debian', npm: 'npm', opam: 'opam' } as const;

function partOf({ ecosystem, name, version, source, release }: EvidencePackage, isTool: boolean): Part {
  const from = source ?? { name, version };
  return {
    ...{ ecosystem: ecosystems[ecosystem], ...from, shown: `${name} ${version}`, isTool },
    ...(release !== undefined && { release }),
    ...(ecosystem === 'debian' && source === undefined && { isBinaryName: true }),
  };
}

type Named = Pick<EvidenceInput, 'kind' | 'name' | 'package'>;

/** Objects that the build makes of no source: notes, the table of secrets, veneers. */
const made: readonly string[] = ['casemate/notes.o', 'casemate/secrets.o', 'casemate-wipe.o'];

/** Whether an input is no code from elsewhere: an object of a source that is listed as well, the project's or ours. */
function isOwn({ kind, name }: Named, sources: ReadonlySet<string>): boolean {
  if (kind !== 'object') return kind !== 'archive';
  const isUnit = name === 'verified.c.o' && [...sources].some((source) => source.endsWith('.ts'));
  return isUnit || made.includes(name) || (name.endsWith('.o') && sources.has(name.slice(0, -2)));
}

function unknownOf(inputs: readonly Named[]): UnknownPart[] {
  const sources = new Set(inputs.flatMap(({ kind, name }) => (kind === 'source' ? [name] : [])));
  return inputs
    .filter((one) => one.package === undefined && !isOwn(one, sources))
    .map(({ name }) => ({ name, ecosystem: 'native' }));
}

const ocamlPart = (module: string): UnknownPart => ({ name: `OCaml module ${module}`, ecosystem: 'opam' });

const ocamlOf = ({ functions }: Evidence['image']): UnknownPart[] =>
  functions === undefined
    ? [{ name: 'code without symbols', ecosystem: 'opam' }]
    : ocamlModules(functions).map(ocamlPart);

const unique = (parts: readonly Part[]): Part[] => [
  ...new Map(parts.map((one) => [JSON.stringify(one), one])).values(),
];

export function partsOfEvidence({ image, inputs, tools }: Evidence): Parts {
  const known = [
    ...inputs.flatMap((one) => (one.package === undefined ? [] : [partOf(one.package, false)])),
    ...tools.packages.map((one) => partOf({ ecosystem: 'npm', ...one }, true)),
  ];
  return {
    ...{ image: image.name, sha256: image.sha256, known: unique(known) },
    unknown: [...unknownOf(inputs), ...ocamlOf(image)],
  };
}

interface BillComponent {
  readonly type: string;
  readonly name: string;
  readonly purl?: string;
  readonly scope?: 'required' | 'optional' | 'excluded';
  readonly properties?: readonly { readonly name?: string; readonly value?: string }[];
  readonly components?: readonly BillComponent[];
}

/** OSV's names of what package URLs call otherwise, where its names are made of namespace and name in the same way. */
const purlTypes: Readonly<Record<string, readonly [ecosystem: string, separator: string]>> = {
  ...{ npm: ['npm', '/'], opam: ['opam', '/'], pypi: ['PyPI', '/'], cargo: ['crates.io', '/'], golang: ['Go', '/'] },
  ...{ maven: ['Maven', ':'], gem: ['RubyGems', '/'], nuget: ['NuGet', '/'], composer: ['Packagist', '/'] },
  ...{ hex: ['Hex', '/'], pub: ['Pub', '/'] },
};

/**
 * The source that Debian's `upstream` names, with its version where that is another. A plus that somebody did not escape is
 * read as a blank, which no version has.
 */
function sourceOf(text: string, version: string): { name: string; version: string } {
  const upstream = text.replaceAll(' ', '+');
  const at = upstream.indexOf('@');
  return at < 0 ? { name: upstream, version } : { name: upstream.slice(0, at), version: upstream.slice(at + 1) };
}

/** The package of a URL; undefined: it is none, or of something that OSV has no name for. */
export function partOfUrl(text: string, isTool: boolean): Part | undefined {
  const { PackageURL } = load('packageurl-js') as typeof import('packageurl-js');
  let url: InstanceType<typeof PackageURL>;
  try {
    url = PackageURL.fromString(text);
  } catch {
    return undefined;
  }
  const { type, namespace, name, version, qualifiers } = url;
  if (!name || !version) return undefined;
  const shown = `${name} ${version}`;
  if (type === 'deb') {
    if (namespace !== 'debian') return undefined;
    const { upstream, distro, arch } = qualifiers ?? {};
    const release = /^debian-(\d+)/.exec(distro ?? '')?.[1];
    const source = upstream ? sourceOf(upstream, version) : { name, version };
    const isBinaryName = !upstream && arch !== 'source';
    return {
      ...{ ecosystem: 'Debian', ...source, shown, isTool },
      ...(release !== undefined && { release }),
      ...(isBinaryName && { isBinaryName }),
    };
  }
  const known = Object.hasOwn(purlTypes, type ?? '') ? purlTypes[type!] : undefined;
  if (known === undefined) return undefined;
  return { ecosystem: known[0], name: namespace ? `${namespace}${known[1]}${name}` : name, version, shown, isTool };
}

const propertyOf = ({ properties = [] }: BillComponent, wanted: string): string | undefined =>
  properties.find(({ name }) => name === wanted)?.value;

const kinds: readonly string[] = ['manifest', 'source', 'object', 'archive', 'script', 'kernel'];

/** A file of one of our own bills, as evidence has it. */
function inputOf(component: BillComponent): Named | undefined {
  const kind = propertyOf(component, 'casemate:kind');
  if (kind === undefined || !kinds.includes(kind)) return undefined;
  const from = propertyOf(component, 'casemate:package');
  // Which package it is stands in a component of its own.
  const known = from === undefined ? {} : { package: { ecosystem: 'debian', name: from, version: '' } as const };
  return { kind: kind as EvidenceInput['kind'], name: component.name, ...known };
}

/** What a bill lists that is a package, or may be one. */
const listing: readonly string[] = ['library', 'application', 'framework'];

/** Components with those inside of them; a bill is at most as deep as our JSON reader lets it be. */
const flat = (components: readonly BillComponent[] = []): BillComponent[] =>
  components.flatMap((one) => [one, ...flat(one.components)]);

/** Of one of our own bills. */
function ocamlOfBill(product: BillComponent | undefined): UnknownPart[] {
  const modules = product && propertyOf(product, 'casemate:ocaml-modules');
  if (modules === undefined) return [{ name: 'code without symbols', ecosystem: 'opam' }];
  return modules.split(' ').filter(Boolean).map(ocamlPart);
}

/** Largest bill that is read, bytes. */
export const LARGEST_BILL = 64 * 1024 * 1024;

/** Parts of a CycloneDX bill. Errors: 'advisory', 'limit'. */
export function partsOfBill(bytes: Uint8Array, file: string): Parts {
  const text = boundedText(bytes, file, LARGEST_BILL);
  const { value } = parseBySchema(text, file, { schema, accepts }, 'advisory');
  const { metadata, components = [] } = value as {
    readonly metadata?: { readonly component?: BillComponent };
    readonly components?: readonly BillComponent[];
  };
  const product = metadata?.component;
  // A product that is a package itself may be what an advisory is about.
  const all = [...flat(components), ...(product?.purl === undefined ? [] : [product]), ...flat(product?.components)];
  const known: Part[] = [];
  const unknown: UnknownPart[] = [];
  const inputs: Named[] = [];
  for (const one of all) {
    const input = inputOf(one);
    if (input !== undefined) {
      inputs.push(input);
      continue;
    }
    const isTool = one.scope === 'excluded';
    const part = one.purl === undefined ? undefined : partOfUrl(one.purl, isTool);
    if (part !== undefined) known.push(part);
    else if (!isTool && (one.purl !== undefined || listing.includes(one.type)))
      unknown.push({ name: one.purl ?? one.name });
  }
  return {
    image: printable(product?.name ?? file),
    known: unique(known),
    unknown: [...unknownOf(inputs), ...unknown, ...(inputs.length > 0 ? ocamlOfBill(product) : [])],
  };
}
