/**
 * A stand-in for Coq, for tests of what surrounds it: it proves nothing, keeps account of what was compiled, refuses what
 * uses a file that was not, and says of a proof what the test says that Coq would.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Coq, Ended } from '../../pipeline/coq.ts';

export interface StandIn {
  readonly version?: string;
  /** Statements that no script closes. */
  readonly open?: readonly string[];
  /** What Coq ends with instead, for a file. */
  readonly ends?: (name: string, text: string) => Ended | undefined;
  /** Axioms that the proof of a statement rests on. */
  readonly axioms?: Readonly<Record<string, readonly string[]>>;
  /** What coqchk ends with instead. */
  readonly checked?: Ended;
}

export const VERSION = 'The Coq Proof Assistant, version 8.16.1';

/** What coqchk prints. */
export const summary = (axioms: string): string => `
CONTEXT SUMMARY
===============

* Theory: Set is predicative
* Axioms: ${axioms}
* Constants/Inductives relying on type-in-type: <none>
* Constants/Inductives relying on unsafe (co)fixpoints: <none>
* Inductives whose positivity is assumed: <none>
`;

export interface StandInCoq {
  readonly open: (folder: string) => Coq;
  /** Files that were compiled or checked, in their order, by all that were opened. */
  readonly asked: string[];
  /** Files of the folders that it was asked in. */
  readonly seen: Set<string>;
}

export function coqStandIn({ version = VERSION, open = [], ends, axioms = {}, checked }: StandIn = {}): StandInCoq {
  const asked: string[] = [];
  const seen = new Set<string>();
  const fails = (text: string): Ended => ({ status: 1, output: `Error: ${text}\n` });
  const openIn = (folder: string): Coq => ({
    version,
    isolated: true,
    compile: async (name) => {
      asked.push(name);
      for (const one of readdirSync(folder)) seen.add(one);
      const text = readFileSync(join(folder, `${name}.v`), 'utf8');
      const told = ends?.(name, text);
      if (told !== undefined) return told;
      for (const [, used] of text.matchAll(/\bVerified\.([A-Za-z_][\w']*)/g))
        if (!existsSync(join(folder, `${used}.vo`))) return fails(`Cannot find a physical path bound to ${used}`);
      if (name.startsWith('Contract_') && open.includes(`contract_${name.slice(9)}`))
        return fails('no applicable tactic');
      writeFileSync(join(folder, `${name}.vo`), '');
      const trial = [...text.matchAll(/"closed (\w[\w']*)"/g)].map(([, id]) => id!);
      const said = [...text.matchAll(/^Print Assumptions Proved_([\w']+)\.proof\.$/gm)].map(([, id]) =>
        axioms[id!] === undefined
          ? 'Closed under the global context\n'
          : `Axioms:\n${axioms[id!]!.join(' : Prop\n')}\n`,
      );
      const closed = trial.filter((id) => !open.includes(id)).map((id) => `closed ${id}\n`);
      return { status: 0, output: [...closed, ...said].join('') };
    },
    check: async (name) => {
      asked.push(`coqchk ${name}`);
      return checked ?? { status: 0, output: summary('<none>') };
    },
  });
  return { open: openIn, asked, seen };
}
