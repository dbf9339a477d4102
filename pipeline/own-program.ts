/** What casemate itself is, for the evidence of what it built: its version, the program that runs, what it is made of. */
import { fileURLToPath } from 'node:url';
import { readFile } from '../base/files.ts';
import type { EvidenceTools } from '../evidence/evidence.ts';
import own from '../package.json';
import { sha256 } from './lock.ts';

/** `program`: where casemate's code is; the bundle, where that is what runs. */
export function ownTools(program = fileURLToPath(import.meta.url)): Omit<EvidenceTools, 'solvers' | 'compiler'> {
  const packages = Object.entries(own.dependencies).map(([name, version]) => ({ name, version }));
  return {
    casemate: { version: own.version, sha256: sha256(readFile(program)) },
    node: process.version,
    packages: packages.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}
