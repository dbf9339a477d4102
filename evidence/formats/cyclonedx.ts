/**
 * A CycloneDX 1.6 bill of materials: what an image is made of, and what it was made with.
 *
 * Every file that the build read is a component of the image, by its hash: when a library turns out to be vulnerable,
 * whoever has the bill can tell without the image. Packages that files came with are components by their URLs, which files
 * depend on. What only casemate is made of is there as well and marked as no part
 * of the product. It is a function of the evidence: no serial number and no time, so the same build has the same bill.
 *
 * The library of CycloneDX's makers does the writing. Loading it takes longer than a gate, so it is loaded on use.
 */
import { createRequire } from 'node:module';
import type { Evidence, EvidenceInput, EvidencePackage } from '../evidence.ts';
import { ocamlModules } from '../ocaml.ts';
import { inert } from './inert.ts';

type Library = typeof import('@cyclonedx/cyclonedx-library');
type Component = InstanceType<Library['Models']['Component']>;

const load = createRequire(import.meta.url);

/** As package URLs have it: colons stay, everything else that is not unreserved is escaped. */
const escaped = (text: string): string => encodeURIComponent(inert(text)).replace(/%3A/g, ':');

/** A package's URL; Debian's `upstream` is what it was built from. Source: package-url, PURL-SPECIFICATION and types. */
export function packageUrl({ ecosystem, name, version, source, release, architecture }: EvidencePackage): string {
  // A scope of npm's is a namespace.
  const steps = (ecosystem === 'npm' ? name.split('/') : [name]).map(escaped);
  if (ecosystem !== 'debian') return `pkg:${ecosystem}/${steps.join('/')}@${escaped(version)}`;
  const qualifiers = [
    ...(architecture === undefined ? [] : [`arch=${escaped(architecture)}`]),
    ...(release === undefined ? [] : [`distro=debian-${escaped(release)}`]),
    ...(source === undefined ? [] : [`upstream=${escaped(`${source.name}@${source.version}`)}`]),
  ];
  const rest = qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`;
  return `pkg:deb/debian/${steps.join('/')}@${escaped(version)}${rest}`;
}

function hashed({ Enums }: Library, component: Component, sha256: string): Component {
  component.hashes.set(Enums.HashAlgorithm['SHA-256'], sha256);
  return component;
}

function inputOf(library: Library, { kind, name, sha256, size }: EvidenceInput): Component {
  const { Enums, Models } = library;
  const type = kind === 'kernel' ? Enums.ComponentType.OperatingSystem : Enums.ComponentType.File;
  const component = new Models.Component(type, inert(name), { bomRef: `${kind}:${inert(name)}` });
  component.properties.add(new Models.Property('casemate:kind', kind));
  component.properties.add(new Models.Property('casemate:size', String(size)));
  return hashed(library, component, sha256);
}

/** A package is one component, however many of its files are in the image. */
function libraryOf({ Enums, Models }: Library, from: EvidencePackage, isPart: boolean): Component {
  const purl = packageUrl(from);
  return new Models.Component(Enums.ComponentType.Library, inert(from.name), {
    ...{ bomRef: purl, version: inert(from.version), purl },
    scope: isPart ? Enums.ComponentScope.Required : Enums.ComponentScope.Excluded,
  });
}

/** The bill as JSON text. */
export function cyclonedx({ image, inputs, tools, project }: Evidence): string {
  const library = load('@cyclonedx/cyclonedx-library') as Library;
  const { Enums, Models, Serialize, Spec } = library;
  const bom = new Models.Bom();
  const product = new Models.Component(Enums.ComponentType.Firmware, inert(image.name), { bomRef: 'image' });
  hashed(library, product, image.sha256);
  for (const [name, value] of [
    ['project', project],
    ['target', image.target],
    ['machine', image.machine],
  ] as const)
    product.properties.add(new Models.Property(`casemate:${name}`, inert(value)));
  // Of OCaml only modules are known, no packages.
  if (image.functions !== undefined)
    product.properties.add(
      new Models.Property('casemate:ocaml-modules', inert(ocamlModules(image.functions).join(' '), 65_536)),
    );
  bom.metadata.component = product;

  const casemate = new Models.Component(Enums.ComponentType.Application, 'casemate', {
    ...{ bomRef: 'casemate', version: inert(tools.casemate.version) },
  });
  bom.metadata.tools.components.add(hashed(library, casemate, tools.casemate.sha256));
  for (const tool of [
    `node ${tools.node}`,
    ...(tools.compiler === undefined ? [] : [tools.compiler]),
    ...tools.solvers,
  ])
    bom.metadata.tools.components.add(new Models.Component(Enums.ComponentType.Application, inert(tool)));

  const packages = new Map<string, Component>();
  for (const input of inputs) {
    const component = inputOf(library, input);
    bom.components.add(component);
    product.dependencies.add(component.bomRef);
    if (input.package === undefined) continue;
    const purl = packageUrl(input.package);
    const own = packages.get(purl) ?? libraryOf(library, input.package, true);
    packages.set(purl, own);
    component.properties.add(new Models.Property('casemate:package', purl));
    component.dependencies.add(own.bomRef);
  }
  for (const { name, version } of tools.packages) {
    const from: EvidencePackage = { ecosystem: 'npm', name, version };
    const purl = packageUrl(from);
    if (!packages.has(purl)) packages.set(purl, libraryOf(library, from, false));
  }
  for (const component of packages.values()) bom.components.add(component);
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 1 })}\n`;
}
