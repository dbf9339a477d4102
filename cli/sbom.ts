/** `casemate sbom BUNDLE`: what an image is made of, as a CycloneDX bill of materials. */
import { Command } from 'commander';
import { writeFileAtomic } from '../base/files.ts';
import { cyclonedx } from '../evidence/formats/cyclonedx.ts';
import { readEvidence } from '../pipeline/gate.ts';
import { print } from './output.ts';

function run(path: string, { output }: { readonly output?: string }): void {
  const text = cyclonedx(readEvidence(path).evidence);
  if (output === undefined) print(text);
  else writeFileAtomic(output, Buffer.from(text));
}

export function sbomCommand(): Command {
  return new Command('sbom')
    .summary('write a bill of materials')
    .description('Writes what the image of a BUNDLE is made of as CycloneDX 1.6. Signatures are not looked at.')
    .argument('<BUNDLE>', 'a bundle of casemate evidence, or its evidence.json')
    .option('-o, --output <FILE>', 'where to write it (default: print it)')
    .addHelpText('after', '\nExample:\n  casemate sbom app.bundle -o app.cdx.json')
    .action(run);
}
