/**
 * `casemate-ld`: a drop-in ld for static programs. The work is in cli/ld/; this binds it to the linker and the process.
 *
 * Start-up is most of a small link, so nothing here may load commander or a JSON-schema library.
 */
import { link } from '../linker/link.ts';
import { type Program, placeText } from '../linker/program.ts';
import { runLinkerAhead } from './ld/main.ts';

/** Empty sections are not worth a line. */
function removedSections(program: Program, dropped: readonly number[]): string[] {
  return dropped
    .filter((section) => program.sections.inputSize[section] > 0)
    .map((section) => `removing unused section ${placeText(program, section)}`);
}

runLinkerAhead(
  process.argv.slice(2),
  (request) => {
    const { image, warnings, map, dropped } = link(request);
    return {
      bytes: image.bytes,
      warnings,
      notes: request.options.printGcSections ? removedSections(image.program, dropped) : [],
      mapText: map,
    };
  },
  {
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
  },
).then((status) => {
  // Nothing is left to wait for; taking the engine down piece by piece would only take time.
  process.exit(status);
});
