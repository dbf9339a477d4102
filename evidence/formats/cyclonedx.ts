/**
 * A CycloneDX 1.6 bill of materials: what an image is made of, and what it was made with.
 *
 * Every file that the build read is a component of the image, by its hash: when a library turns out to be vulnerable,
 * whoever has the bill can tell without the image. What only casemate is made of is there as well and marked as no part
 * of the product. It is a function of the evidence: no serial number and no time, so the same build has the same bill.
 *
 * The library of CycloneDX's makers does the writing. Loading it takes longer than a gate, so it is loaded on use.
 */
import { createRequire } from 'node:module';
import type { Evidence, EvidenceInput } from '../evidence.ts';
import { inert } from './inert.ts';

type Library = typeof import('@cyclonedx/cyclonedx-library');
type Component = InstanceType<Library['Models']['Component']>;

const load = createRequire(import.meta.url);

/** An npm package's URL; a scope is a namespace, whose @ is escaped. Source: package-url, PURL-TYPES, "npm". */
function npmUrl(name: string, version: string): string {
  const steps = name.split('/').map((step) => encodeURIComponent(step));
  return `pkg:npm/${steps.join('/')}@${encodeURIComponent(version)}`;
}

function hashed({ Enums }: Library, component: Component, sha256: string): Component {
  component.hashes.set(Enums.HashAlgorithm['SHA-256'], sha256);
  return component;
}

function inputOf(library: Library, { kind, name, sha256, size }: EvidenceInput): Component {
  const { Enums, Models } = library;
  const type = kind === 'kernel' ? Enums.ComponentType.OperatingSystem : Enums.ComponentType.File;
  const component = new Models.Component(type, inert(name), { bomRef: `input:${inert(name)}` });
  component.properties.add(new Models.Property('casemate:kind', kind));
  component.properties.add(new Models.Property('casemate:size', String(size)));
  return hashed(library, component, sha256);
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

  for (const input of inputs) {
    const component = inputOf(library, input);
    bom.components.add(component);
    product.dependencies.add(component.bomRef);
  }
  for (const { name, version } of tools.packages) {
    const component = new Models.Component(Enums.ComponentType.Library, inert(name), {
      ...{
        bomRef: `npm:${inert(`${name}@${version}`)}`,
        version: inert(version),
        purl: npmUrl(inert(name), inert(version)),
      },
      scope: Enums.ComponentScope.Excluded,
    });
    bom.components.add(component);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 1 })}\n`;
}
