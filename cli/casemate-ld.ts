/**
 * `casemate-ld`: a drop-in ld for static programs. The work is in cli/ld/; this binds it to the linker and the process.
 *
 * Start-up is most of a small link, so nothing here may load commander or a JSON-schema library.
 */
import { parseWish } from '../hardening/wipe/wish.ts';
import { link } from '../linker/link.ts';
import { type Program, placeText } from '../linker/program.ts';
import { linkWiped } from '../pipeline/wipe.ts';
import { runLinkerAhead } from './ld/main.ts';

/** Empty sections are not worth a line. */
function removedSections(program: Program, dropped: readonly number[]): string[] {
  return dropped
    .filter((section) => program.sections.inputSize[section] > 0)
    .map((section) => `removing unused section ${placeText(program, section)}`);
}

let said = false;
const say = (stream: 'stdout' | 'stderr') => (text: string) => {
  said = true;
  process[stream].write(text);
};

runLinkerAhead(
  process.argv.slice(2),
  (request, wipes) => {
    const { image, warnings, map, dropped } =
      wipes.length > 0
        ? linkWiped(
            request,
            wipes.map((text) => parseWish(text, '--wipe', 'usage')),
          )
        : link(request);
    return {
      bytes: image.bytes,
      warnings,
      notes: request.options.printGcSections ? removedSections(image.program, dropped) : [],
      mapText: map,
    };
  },
  { out: say('stdout'), error: say('stderr') },
).then((status) => {
  process.exitCode = status;
  // What was said may still be on its way into a pipe. Else there is nothing to wait for, and taking the engine down
  // piece by piece takes time.
  if (!said) process.exit();
});
